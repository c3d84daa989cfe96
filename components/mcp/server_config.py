"""Configuration of the reference server: common fields, in a cloud, and in a pod."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

import pulumi

from ..base.arg_types import (
    ContainerPort,
    DnsLabel,
    Domain,
    Duration,
    Host,
    Multiaddress,
    Origin,
    Path,
    PoolSize,
    PortNumber,
    ProxyCount,
    ScopeName,
    SecretName,
    ServerName,
    ToolSeconds,
    Word,
    WorkerCount,
)
from ..base.problems import Problem
from . import server_names
from .audit_log import AuditLog
from .auth import Auth, PodAuth, TokenIssuer, audience_problems, domain_problems
from .cache_token import CacheToken
from .config_forms import ConfigForm
from .data_tier import SENTINEL, CacheProfile
from .database import Database
from .era import Era, has_sessions
from .master_keys import master_key_problems
from .protected_resource import ProtectedResource, resource_problems
from .roles import Role
from .secret_key import SecretKey
from .server_limits import ServerLimits
from .timeout_budget import TimeoutBudget
from .traces import TraceReceiver

PROGRAM = "qudag-mcp-server"
SECRETS_PATH = "/etc/secrets"
INTERNAL_TLS_PATH = "/etc/internal-tls"
INTERNAL_CA_PATH = "/etc/internal-ca"
ISSUER_PATH = "/etc/issuer"
ISSUER_CA_PATH = "/etc/issuer-ca"
DATA_PATH = "/var/lib/qudag"

HTTP = server_names.HTTP
HTTPS = server_names.HTTPS
METRICS = 9090
P2P = 4001

LONGEST_PREFIX = 45
"""Characters of a tool server's name: hosts of clients accept 64 for it with a tool's name."""

LogLevel = Literal["debug", "info", "warning", "error"]


@dataclass(frozen=True, kw_only=True)
class Cache:
    """A Valkey (or Redis) for legacy sessions; a password comes from a mounted Secret.

    Attributes:
        host: host name of its Service.
        port: port of its Service.
        profile: of the data tier; sessions need ``SESSIONS``.
        max_connections: of each pod; more requests of the legacy eras wait.
        user: the user that the server logs in as; None: ``default``, by a password alone.
        sentinels: host names of Sentinels, which name the primary.
        sentinel_port: their port.
        password: where the password is; None: ``redis-password`` of the server's Secret of
            passwords.
        authority: what signed its certificate; None: the CA of the platform.
        token: of the pods' identity in a cloud, in place of user, password and CA.
    """

    host: pulumi.Input[Host]
    port: PortNumber = 6379
    user: ServerName | None = None
    sentinels: Sequence[pulumi.Input[Host]] = ()
    sentinel_port: PortNumber = SENTINEL
    profile: CacheProfile = CacheProfile.SESSIONS
    max_connections: PoolSize = 20
    password: SecretKey | None = None
    authority: SecretKey | None = None
    token: CacheToken | None = None

    def refusals(self) -> list[Problem]:
        """A problem for each setting that a token replaces."""
        replaced = ("user", "sentinels", "password", "authority") if self.token else ()
        return [
            Problem(
                name,
                "is set, and token as well",
                "the server would not start: a token replaces it",
                f"leave {name} or token out",
            )
            for name in replaced
            if getattr(self, name)
        ]


@dataclass(frozen=True, kw_only=True)
class ToolServer:
    """A server of the platform whose tools another server offers as well.

    Attributes:
        name: prefix of its tools' names there, followed by two underscores.
        host: host name of its Service, which its certificate names.
        port: its TLS port.
        path: where it speaks MCP.
        era: MCP revisions that it speaks.
        scopes: that a caller's token must have; others do not see its tools and cannot call them.
        send_user: name the caller in the headers X-User, X-User-Scopes and X-User-Client, and send
            no token. For servers that cannot check tokens.
        longest_tool_seconds: end a call of its tools after this time; None: the longest call of the
            server that offers them, which also limits it.
    """

    name: DnsLabel
    host: pulumi.Input[Host]
    port: PortNumber = HTTPS
    path: Path = "/mcp"
    era: Era = "dual"
    scopes: Sequence[ScopeName] = ()
    send_user: bool = False
    longest_tool_seconds: ToolSeconds | None = None

    def refusals(self) -> list[Problem]:
        """A problem if the name cannot be the prefix of names and of URI schemes."""
        if self.name[:1].isalpha() and len(self.name) <= LONGEST_PREFIX:
            return []
        return [
            Problem(
                "name",
                f"{self.name} begins with a digit or is longer than {LONGEST_PREFIX} characters",
                "names of tools and URIs of resources that begin with it would not be valid",
                f"use a letter first and at most {LONGEST_PREFIX} characters",
            )
        ]


@dataclass(frozen=True, kw_only=True)
class State:
    """The session store that the instances of a server share.

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
        peers: multiaddresses of nodes to connect to first.
        algorithm: consensus algorithm.
        timeout: longest duration of one consensus round.
        key_algorithm: algorithm of the node's key.
        key_path: file of the node's key.
    """

    peers: Sequence[pulumi.Input[Multiaddress]] = ()
    algorithm: Word = "qr-avalanche"
    timeout: Duration = "10s"
    key_algorithm: Literal["ml-kem-768"] = "ml-kem-768"
    key_path: Path = f"{DATA_PATH}/keys"


@dataclass(frozen=True, kw_only=True)
class McpConfig:
    """Configuration that every MCP server has, on every host.

    Attributes:
        role: selects the tools of the server.
        auth: the accepted authorization server.
        name: the server's name in its logs; filled in by the component.
        era: MCP revisions it speaks.
        budget: longest tool call and drain.
        domain: public host name; requests for another one are refused. None: IP addresses and local
            names are accepted, and host names that the target assigns.
        allowed_origins: web pages that may call the server, as ``https://host[:port]``. Pages from
            the server's own host may call it always.
        json_answers: answer clients that accept only ``application/json`` with one JSON body,
            without progress, in place of 406.
        log_level: debug, info, warning or error.
        limits: largest body, and quotas of one user.
    """

    role: Role
    auth: TokenIssuer
    name: ServerName = ""
    era: Era = "dual"
    budget: TimeoutBudget = field(default_factory=TimeoutBudget)
    domain: Domain | None = None
    allowed_origins: Sequence[Origin] = ()
    json_answers: bool = False
    log_level: LogLevel = "info"
    limits: ServerLimits = field(default_factory=ServerLimits)

    def refusals(self) -> list[Problem]:
        """A problem if the audience is not the server's URL."""
        return audience_problems(self.auth, self.domain)


@dataclass(frozen=True, kw_only=True)
class CloudServerConfig(McpConfig):
    """Configuration of a function or a managed container, handed over in one variable."""

    auth: Auth


@dataclass(frozen=True, kw_only=True)
class PodServerConfig(McpConfig):
    """Configuration of a server in a pod, mounted as server.toml.

    Attributes:
        database: PostgreSQL; None: no database.
        cache: Valkey, which keeps the sessions of the eras ``legacy`` and ``dual``, so that any pod
            serves them; None: they are in the memory of the pods.
        audit: the audit log that calls and refusals are written to; None: they are not recorded.
        node: configuration of the QuDAG node, for a server that is one.
        tool_servers: servers whose tools are offered as well.
        protected_resources: servers whose tokens this one checks for the gateway.
        additional_domains: other host names of ``domain``'s gateway; at each, tokens must be for
            the URL with that name.
        http, https: ports; MCP is on the TLS one, health and readiness on both.
        consensus_timeout: longest wait for a consensus.
        proxies_in_front: number of gateways that append to X-Forwarded-For, if nothing else can
            connect to the server. 0: the header is ignored.
        workers: processes that serve MCP; one uses one core. For a CPU limit above one core.
        user_keys_secret: Secret with the master keys of users' keys (``user-master-key``) and of
            the vault (``vault-master-key``); the server mounts those that its role uses. None: it
            has no tools with keys of users, and no vault.
        region: name of the region that it runs in, in its logs and metrics.
        traces: what gets the spans of its requests; None: it makes none.
        form: the files and variables that have its values; see ConfigForm. What a form has no key
            for is in server.toml.
    """

    auth: PodAuth
    database: Database | None = None
    cache: Cache | None = None
    audit: AuditLog | None = None
    node: NodeConfig | None = None
    tool_servers: Sequence[ToolServer] = ()
    protected_resources: Sequence[ProtectedResource] = ()
    additional_domains: Sequence[Domain] = ()
    http: ContainerPort = HTTP
    https: ContainerPort = HTTPS
    consensus_timeout: Duration = "30s"
    proxies_in_front: ProxyCount = 0
    workers: WorkerCount = 1
    user_keys_secret: SecretName | None = None
    region: Word | None = None
    traces: TraceReceiver | None = None
    form: ConfigForm = "server.toml"

    @property
    def stores_sessions(self) -> bool:
        """Whether sessions are in the cache."""
        return has_sessions(self.era) and self.cache is not None

    @property
    def needs_affinity(self) -> bool:
        """Whether only the pod that opened a session can serve it."""
        return has_sessions(self.era) and self.cache is None

    def refusals(self) -> list[Problem]:
        """Problems of the audience, other servers, the cache and the master keys."""
        return [
            *super().refusals(),
            *domain_problems(self.domain, self.additional_domains),
            *_tool_server_problems(self),
            *resource_problems(self.protected_resources),
            *_cache_problems(self),
            *master_key_problems(
                self.user_keys_secret, self.role, database=self.database is not None
            ),
        ]


def _tool_server_problems(config: PodServerConfig) -> Iterator[Problem]:
    longest = config.budget.longest_tool
    seen: set[str] = set()
    for index, server in enumerate(config.tool_servers):
        at = f"tool_servers[{index}]"
        if server.name in seen:
            yield Problem(
                f"{at}.name",
                f"{server.name} is listed already",
                "a call of its tools could reach either of the two",
                "give each tool server a name of its own",
            )
        seen.add(server.name)
        if (server.longest_tool_seconds or 0) > longest:
            yield Problem(
                f"{at}.longest_tool_seconds",
                f"is {server.longest_tool_seconds} s, but the server that offers its tools ends"
                f" every call after {longest} s",
                "its longer calls would be ended too early",
                f"raise budget.longest_tool, or set at most {longest}",
            )


def _cache_problems(config: PodServerConfig) -> Iterator[Problem]:
    if config.stores_sessions and config.cache and config.cache.profile is CacheProfile.CACHE:
        yield Problem(
            "cache.profile",
            f"is CACHE, and era is {config.era}: sessions are kept in Valkey",
            "it would evict sessions when it is full, and lose all of them when it restarts",
            "use a data tier of the profile SESSIONS, or set era to modern",
        )
