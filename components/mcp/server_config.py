"""What the reference server is configured with: in every place, in a cloud, and in a pod."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

import pulumi

from ..base.problems import Problem, ProblemReport
from .era import Era
from .roles import Role
from .timeout_budget import TimeoutBudget

PROGRAM = "qudag-mcp-server"
CONFIG_PATH = "/etc/qudag"
SECRETS_PATH = "/etc/secrets"
INTERNAL_TLS_PATH = "/etc/internal-tls"
ISSUER_PATH = "/etc/issuer"
DATA_PATH = "/var/lib/qudag"

HTTP = 8080
HTTPS = 8443
METRICS = 9090
P2P = 4001


@dataclass(frozen=True, kw_only=True)
class TokenIssuer:
    """Whose tokens a server accepts.

    Attributes:
        issuer: URL of the authorization server; ``iss`` of every token.
        audience: ``aud`` of every token.
    """

    issuer: str
    audience: str


@dataclass(frozen=True, kw_only=True)
class Auth(TokenIssuer):
    """A server that fetches the issuer's keys over HTTPS.

    Attributes:
        jwks_url: where the issuer publishes its keys.
    """

    jwks_url: str


@dataclass(frozen=True, kw_only=True)
class PodAuth(TokenIssuer):
    """A server in a pod, which fetches the issuer's keys or mounts them: exactly one of the two.

    Attributes:
        jwks_url: where the issuer publishes its keys.
        jwks_secret: Secret with the key ``jwks.json``, for an issuer that publishes none.
    """

    jwks_url: str | None = None
    jwks_secret: str | None = None

    def __post_init__(self) -> None:
        if bool(self.jwks_url) == bool(self.jwks_secret):
            both = bool(self.jwks_url)
            raise ProblemReport(
                [
                    Problem(
                        "jwks_secret",
                        "is set, and so is jwks_url" if both else "is missing, and so is jwks_url",
                        "the mounted keys would not be read"
                        if both
                        else "the server could not verify any token",
                        "leave out one of the two"
                        if both
                        else "set jwks_url, or name the Secret that holds jwks.json",
                    )
                ]
            )


@dataclass(frozen=True, kw_only=True)
class Database:
    """A PostgreSQL that the server may use; the password comes from a mounted Secret.

    Attributes:
        host, port: its Service.
        name: the database's.
        user: the role that owns it.
    """

    host: pulumi.Input[str]
    port: int = 5432
    name: str = "qudag_mcp"
    user: str = "qudag"


@dataclass(frozen=True, kw_only=True)
class Cache:
    """A Valkey (or Redis) that the server may use; the password comes from a mounted Secret.

    Attributes:
        host, port: its Service.
    """

    host: pulumi.Input[str]
    port: int = 6379


@dataclass(frozen=True, kw_only=True)
class State:
    """The session store of a server whose next request may arrive at another instance.

    Attributes:
        kind: dynamodb, firestore or azure-tables.
        where: its address: names of tables and the region; project and database; or the endpoint
            and names of tables.
    """

    kind: Literal["dynamodb", "firestore", "azure-tables"]
    where: Mapping[str, pulumi.Input[str]]


@dataclass(frozen=True, kw_only=True)
class NodeConfig:
    """node.toml; the values are those of the deployment patterns.

    Attributes:
        peers: multiaddresses of the nodes to start from.
        algorithm: consensus algorithm.
        timeout: of one consensus round.
        key_algorithm: of the node's key.
        key_path: where the key is kept.
    """

    peers: Sequence[pulumi.Input[str]] = ()
    algorithm: str = "qr-avalanche"
    timeout: str = "10s"
    key_algorithm: Literal["ml-kem-768"] = "ml-kem-768"
    key_path: str = f"{DATA_PATH}/keys"


@dataclass(frozen=True, kw_only=True)
class McpConfig:
    """What every MCP server is configured with, wherever it runs.

    Attributes:
        role: decides which tools the server has.
        auth: whose tokens it accepts.
        name: the server's name in its logs; filled in by the component.
        era: MCP revisions it speaks.
        budget: the longest tool call, and the drain.
        domain: public host name: the only one it answers to; None: any.
        log_level: debug, info, warning or error.
    """

    role: Role
    auth: TokenIssuer
    name: str = ""
    era: Era = "dual"
    budget: TimeoutBudget = field(default_factory=TimeoutBudget)
    domain: str | None = None
    log_level: str = "info"


@dataclass(frozen=True, kw_only=True)
class CloudServerConfig(McpConfig):
    """Configuration of a function or a managed container, handed over in one variable."""

    auth: Auth


@dataclass(frozen=True, kw_only=True)
class PodServerConfig(McpConfig):
    """Configuration of a server in a pod, mounted as server.toml.

    Attributes:
        database, cache: what it may use.
        node: present where it takes part in the QuDAG network.
        http, https: ports; MCP is on the TLS one, health and readiness on both.
        consensus_timeout: how long it waits for consensus.
    """

    auth: PodAuth
    database: Database | None = None
    cache: Cache | None = None
    node: NodeConfig | None = None
    http: int = HTTP
    https: int = HTTPS
    consensus_timeout: str = "30s"
