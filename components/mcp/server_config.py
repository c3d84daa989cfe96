"""The reference server's configuration files, typed here and written as TOML."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import pulumi

from ..base.problems import Problem
from .era import Era
from .timeout_budget import Distance, TimeoutBudget

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
class Auth:
    """Whose tokens the server accepts.

    Attributes:
        issuer: URL of the authorization server; ``iss`` of every token.
        audience: ``aud`` of every token.
        jwks_url: where the issuer publishes its keys; None: from ``jwks_secret``.
        jwks_secret: Secret with the key ``jwks.json``, for a platform without an issuer to ask.
    """

    issuer: str
    audience: str
    jwks_url: str | None = None
    jwks_secret: str | None = None


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
    """Where sessions and connections are kept, on hosts whose next request may be elsewhere.

    Attributes:
        kind: dynamodb, firestore or azure-tables.
        where: what that kind needs to be told: names of tables and the region; project and
            database; or the endpoint and names of tables.
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
class ServerConfig:
    """server.toml.

    Attributes:
        name: the workload's name; filled in by the component.
        role: decides which tools the server has.
        auth: whose tokens it accepts.
        era: MCP revisions it speaks.
        budget: the longest call and the drain.
        domain: public host name: the only one it answers to; None: any.
        database, cache: what it may use.
        node: present where it takes part in the QuDAG network.
        http, https: ports; MCP is on the TLS one, health and readiness on both.
        log_level: debug, info, warning or error.
        consensus_timeout: how long it waits for consensus.
    """

    role: str
    auth: Auth
    name: str = ""
    era: Era = "dual"
    budget: TimeoutBudget = field(default_factory=TimeoutBudget)
    domain: str | None = None
    database: Database | None = None
    cache: Cache | None = None
    node: NodeConfig | None = None
    http: int = HTTP
    https: int = HTTPS
    log_level: str = "info"
    consensus_timeout: str = "30s"


def server_toml(config: ServerConfig) -> pulumi.Output[str]:
    """server.toml, as the reference server and the source documents' servers read it."""
    tables = _tables(
        config,
        {
            "host": "0.0.0.0",  # noqa: S104  (a pod's own address; policies decide who reaches it)
            "port": config.http,
            "tls_port": config.https,
            "tls_cert": f"{INTERNAL_TLS_PATH}/tls.crt",
            "tls_key": f"{INTERNAL_TLS_PATH}/tls.key",
            "metrics_port": METRICS,
        },
    )
    if config.database:
        tables["database"] = _with_password(vars(config.database), "database-password")
    if config.cache:
        tables["redis"] = _with_password(vars(config.cache), "redis-password")
    if config.node:
        tables["qudag"] = {
            "node_config": f"{CONFIG_PATH}/node.toml",
            "consensus_timeout": config.consensus_timeout,
        }
    return _toml(tables)


CONFIG_VARIABLE = "QUDAG_MCP_CONFIG"
"""Environment variable that holds the configuration where nobody mounts a file."""


def variables_problems(secrets: Iterable[str]) -> list[Problem]:
    """Secrets for variables that the component fills itself."""
    return [
        Problem(
            f"secrets.{variable}",
            "is where the server's configuration is",
            "the cloud refuses two values of one variable, or takes either",
            "call it otherwise",
        )
        for variable in secrets
        if variable in (CONFIG_VARIABLE, "AZURE_CLIENT_ID")
    ]


def environment_toml(config: ServerConfig, *, state: State | None = None) -> pulumi.Output[str]:
    """The same for ``CONFIG_VARIABLE``: no files, no TLS of its own, the cloud's door in front.

    Args:
        config: the server's.
        state: where sessions are kept.
    """
    tables = _tables(config, {})
    if state:
        tables["state"] = {"kind": state.kind, **state.where}
    return _toml(tables)


def unserved(config: ServerConfig, *, stops: str | None = None) -> list[Problem]:
    """Parts of a server's configuration that nothing outside a cluster gives it.

    Args:
        config: the server's.
        stops: how the cloud ends an instance, and its document that says so, where nobody can tell
            it to wait; None where the component does.
    """
    door = "the cloud's own door stands before the server, and nobody would ask that port"
    checks = (
        ("database", config.database, "no file is there to verify the database's certificate by"),
        ("cache", config.cache, "no file is there to verify the cache's certificate by"),
        ("node", config.node, "its peers have no port, and its key no file that outlives it"),
        ("http", config.http != HTTP, door),
        ("https", config.https != HTTPS, door),
        ("budget.drain", stops and config.budget.drain, f"nobody would wait for it: {stops}"),
    )
    problems = [
        Problem(f"config.{name}", "is set", so, "leave it out, or run the server on Kubernetes")
        for name, asked, so in checks
        if asked
    ]
    if not config.auth.jwks_url:
        problems.append(
            Problem(
                "config.auth.jwks_url",
                "is missing",
                "a function or a managed container has no Secret to mount the keys from",
                "set it to the jwks_uri of your authorization server",
            )
        )
    return problems


def _tables(config: ServerConfig, listening: Mapping[str, Any]) -> dict[str, Any]:
    """What is the same wherever the server runs."""
    hop = config.budget.at(Distance.SERVER)
    auth: dict[str, Any] = {"issuer": config.auth.issuer, "audience": config.auth.audience}
    if config.auth.jwks_url:
        auth["jwks_url"] = config.auth.jwks_url
    else:
        auth["jwks_file"] = f"{ISSUER_PATH}/jwks.json"
    if config.domain:
        auth["resource_url"] = f"https://{config.domain}/mcp"
    return {
        "server": {**listening, "role": config.role, "name": config.name},
        "protocol": {
            "era": config.era,
            "longest_tool_seconds": hop.timeout,
            "drain_seconds": hop.drain,
            "allowed_hosts": [config.domain] if config.domain else [],
        },
        "auth": auth,
        "logging": {"level": config.log_level, "format": "json"},
    }


def node_toml(config: NodeConfig) -> pulumi.Output[str]:
    """node.toml; the node's id is its pod's name."""
    return _toml(
        {
            "node": {"id": "${POD_NAME}", "listen_addr": f"/ip4/0.0.0.0/tcp/{P2P}"},
            "network": {"peers": list(config.peers)},
            "consensus": {"algorithm": config.algorithm, "timeout": config.timeout},
            "crypto": {"algorithm": config.key_algorithm, "key_path": config.key_path},
        }
    )


def _with_password(fields: Mapping[str, Any], key: str) -> dict[str, Any]:
    return {
        **fields,
        "password_file": f"{SECRETS_PATH}/{key}",
        "ca_file": f"{INTERNAL_TLS_PATH}/ca.crt",
    }


def _toml(tables: Mapping[str, Any]) -> pulumi.Output[str]:
    import tomli_w

    return pulumi.Output.from_input(dict(tables)).apply(tomli_w.dumps)
