"""The reference server's configuration files, written as TOML."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pulumi

from ..base.inputs import applied
from .audit_log import AuditOwner
from .auth import JWKS_MAX_AGE, Resource, TokenIssuer, resource_url
from .cloud_database import CloudDatabase
from .config_forms import Directory, Variables, config_path, forms_of
from .master_keys import MASTER_KEYS_PATH, master_keys
from .otlp import OtlpReceiver
from .server_config import (
    HTTP,
    HTTPS,
    INTERNAL_CA_PATH,
    INTERNAL_TLS_PATH,
    ISSUER_CA_PATH,
    ISSUER_PATH,
    METRICS,
    P2P,
    Cache,
    CloudServerConfig,
    Database,
    McpConfig,
    NodeConfig,
    PodServerConfig,
    State,
    ToolServer,
)
from .store_files import (
    AUDIT,
    AUDIT_OWNER,
    CACHE,
    DATABASE,
    Store,
    StorePaths,
    sentinel_addresses,
)
from .timeout_budget import FINAL_SCRAPE_SECONDS, Distance
from .user_container import FRONT_ROLE, UserContainer

POOL_FIELDS = (
    "max_connections",
    "min_connections",
    "acquire_seconds",
    "idle_seconds",
    "lifetime_seconds",
)
"""Of `Database`, as server.toml has them."""
POD_RESOURCE = Resource(
    hosts=("localhost", "<address>", "*.elb.amazonaws.com", "*.elb.*.amazonaws.com"),
    forwarded=True,
)
"""In a cluster without a domain, clients use the load balancer's address or a forwarded port. A
load balancer of AWS has a host name in place of an address."""


@dataclass(frozen=True, kw_only=True)
class ServerFiles:
    """The configuration of a server in a pod.

    Attributes:
        path: directory of server.toml.
        content: the files there.
        directories: further ones.
        variables: ConfigMaps of environment variables.
    """

    path: str
    content: Mapping[str, pulumi.Input[str]]
    directories: Sequence[Directory]
    variables: Sequence[Variables]


def server_files(
    config: PodServerConfig, environment: str, secrets: Sequence[Mapping[str, str]] = ()
) -> ServerFiles:
    """server.toml, node.toml, and the files and variables of the configured form.

    Args:
        config: the server's.
        environment: name of the environment, in its logs and metrics.
        secrets: the mounted values of Secrets, as ``[[secret_files]]`` has them.
    """
    tables = _pod_tables(config)
    if config.database and secrets:
        # Without a database it could not keep the time at which a value was changed.
        tables["secret_files"] = secrets
    tables["server"]["environment"] = environment
    if config.region:
        tables["server"]["region"] = config.region
    forms = forms_of(config.form, tables)
    stated = {"include": forms.include, **tables}
    text = _toml({name: table for name, table in stated.items() if table})
    return ServerFiles(
        path=config_path(config.form),
        content={
            "server.toml": text,
            **forms.beside,
            **({"node.toml": node_toml(config.node)} if config.node else {}),
            **(config.cache.token.files() if config.cache and config.cache.token else {}),
        },
        directories=forms.directories,
        variables=forms.variables,
    )


def _pod_tables(config: PodServerConfig) -> dict[str, Any]:
    url, authority = config.auth.jwks_url, config.auth.jwks_ca_secret
    tables = _tables(
        config,
        POD_RESOURCE,
        {
            "host": "::",  # IPv6 and IPv4; network policies decide who may connect
            "port": config.http,
            "tls_port": config.https,
            "tls_cert": f"{INTERNAL_TLS_PATH}/tls.crt",
            "tls_key": f"{INTERNAL_TLS_PATH}/tls.key",
            "metrics_port": METRICS,
            "final_scrape_seconds": FINAL_SCRAPE_SECONDS,
            "proxies_in_front": config.proxies_in_front,
            **({"workers": config.workers} if config.workers > 1 else {}),
        },
        keys={
            **({"jwks_url": url} if url else {"jwks_file": f"{ISSUER_PATH}/jwks.json"}),
            **({"jwks_ca_file": f"{ISSUER_CA_PATH}/ca.crt"} if authority else {}),
        },
    )
    if config.additional_domains:
        tables["auth"] |= {
            "additional_resource_urls": [resource_url(name) for name in config.additional_domains],
            "forwarded_host": True,
        }
    if config.database:
        tables["database"] = {
            **_with_login(config.database, DATABASE),
            **{name: getattr(config.database, name) for name in POOL_FIELDS},
        }
    if config.cache:
        tables["redis"] = {
            **_cache_login(config.cache, config_path(config.form)),
            "max_connections": config.cache.max_connections,
            **sentinel_addresses(config.cache),
        }
    if config.audit:
        tables["audit"] = {
            **_with_login(config.audit, AUDIT),
            "mode": config.audit.mode,
            "arguments": config.audit.arguments,
            "wait_seconds": config.audit.wait_seconds,
        }
    if config.stores_sessions:
        # Another server's sessions are none of this one's.
        tables["state"] = {"kind": "valkey", "key_prefix": f"{config.name}:"}
    if config.node:
        tables["qudag"] = {
            "node_config": f"{config_path(config.form)}/node.toml",
            "consensus_timeout": config.consensus_timeout,
        }
    if config.user_keys_secret:
        tables |= {
            section: {"master_key_file": f"{MASTER_KEYS_PATH}/{key}"}
            for section, key in master_keys(
                config.role, database=config.database is not None
            ).items()
        }
    if config.tool_servers:
        tables["tool_servers"] = [
            _tool_server(server, config.budget.longest_tool) for server in config.tool_servers
        ]
    if config.traces:
        tables["traces"] = {
            "endpoint": config.traces.endpoint,
            "ca_file": f"{INTERNAL_CA_PATH}/ca.crt",
        }
    if config.protected_resources:
        tables["protected_resources"] = [one.table() for one in config.protected_resources]
    return tables


def migration_toml(database: Database, audit: AuditOwner | None = None) -> pulumi.Input[str]:
    """What the migration reads: it changes with the database alone, not with other settings."""
    tables = {"database": _with_login(database, DATABASE)}
    if audit is not None:
        tables["audit_keeper"] = _with_login(audit, AUDIT_OWNER)
        if audit.makes_roles:
            tables["audit_roles"] = {"password_file": AUDIT.password_at(audit.writer_password)}
    return _toml(tables)


def keeper_toml(
    audit: AuditOwner, retention_days: int, bucket: pulumi.Input[Mapping[str, Any]] | None = None
) -> pulumi.Input[str]:
    """What the job of the audit log reads; ``bucket`` is the section that says where months go."""
    section = {**_with_login(audit, AUDIT_OWNER), "retention_days": retention_days}
    return _toml({"audit_keeper": section, **({"audit_bucket": bucket} if bucket else {})})


def environment_toml(
    config: CloudServerConfig,
    resource: Resource,
    *,
    state: State | None = None,
    self_signed: bool = False,
    upstream: UserContainer | None = None,
    database: CloudDatabase | None = None,
    otlp: OtlpReceiver | None = None,
) -> pulumi.Output[str]:
    """The content of ``CONFIG_VARIABLE``, for a server without mounted files.

    Args:
        config: the server's.
        resource: where its URL comes from if it has no domain.
        state: its session store.
        self_signed: serve MCP on the port ``HTTPS`` with a certificate that the server makes when
            it starts; otherwise the cloud terminates TLS.
        upstream: the image that it is the reverse proxy for.
        database: PostgreSQL that it uses.
        otlp: what gets its spans and copies of its log lines.
    """
    listening = {"port": HTTP, "tls_port": HTTPS, "tls_self_signed": True} if self_signed else {}
    # The cloud's own proxy is the only one that can connect.
    behind = {**listening, "proxies_in_front": 1}
    tables = _tables(config, resource, behind, keys={"jwks_url": config.auth.jwks_url})
    if state:
        tables["state"] = {"kind": state.kind, **state.where}
    if database:
        tables["database"] = database.table()
    if otlp:
        tables |= otlp.tables()
        if otlp.environment:
            tables["server"]["environment"] = otlp.environment
    if upstream:
        tables["server"]["role"] = FRONT_ROLE
        tables["upstream"] = upstream.table()
    return pulumi.Output.from_input(_toml(tables))


def _tables(
    config: McpConfig, resource: Resource, listening: Mapping[str, Any], *, keys: Mapping[str, str]
) -> dict[str, Any]:
    """The tables that every server has; ``keys`` says where it reads the issuer's keys."""
    timeouts = config.budget.at(Distance.SERVER)
    return {
        "server": {**listening, "role": config.role, "name": config.name},
        "protocol": {
            "era": config.era,
            "longest_tool_seconds": timeouts.timeout,
            "drain_seconds": timeouts.drain,
            "allowed_hosts": [config.domain] if config.domain else [],
            "allowed_origins": list(config.allowed_origins),
            "json_answers": config.json_answers,
        },
        "auth": {**_auth(config.auth), **keys, **_resource(config.domain, resource)},
        "limits": config.limits.table(),
        "logging": {"level": config.log_level, "format": "json"},
    }


def _auth(auth: TokenIssuer) -> dict[str, Any]:
    """The fields that every server has; what has its default is left out."""
    given = {
        "additional_audiences": list(auth.additional_audiences),
        "additional_issuers": [
            {"issuer": other.issuer, "jwks_url": other.jwks_url}
            for other in auth.additional_issuers
        ],
        "required_scopes": list(auth.required_scopes),
        "access_tokens_only": auth.access_tokens_only,
        "jwks_max_age_seconds": age if (age := auth.jwks_max_age_seconds) != JWKS_MAX_AGE else 0,
    }
    return {
        "issuer": auth.issuer,
        "clock_skew_seconds": auth.clock_skew_seconds,
        **{name: value for name, value in given.items() if value},
    }


def _resource(domain: str | None, resource: Resource) -> dict[str, Any]:
    if domain:
        return {"resource_url": resource_url(domain)}
    if resource.url is not None:
        return {"resource_url": resource.url}
    derived: dict[str, Any] = {"resource_hosts": list(resource.hosts)}
    return {**derived, "forwarded_host": True} if resource.forwarded else derived


def node_toml(config: NodeConfig) -> pulumi.Input[str]:
    """node.toml; the node's id is its pod's name."""
    return _toml(
        {
            "node": {"id": "${POD_NAME}", "listen_addr": f"/ip4/0.0.0.0/tcp/{P2P}"},
            "network": {"peers": list(config.peers)},
            "consensus": {"algorithm": config.algorithm, "timeout": config.timeout},
            "crypto": {"algorithm": config.key_algorithm, "key_path": config.key_path},
        }
    )


def _tool_server(server: ToolServer, longest: float) -> dict[str, Any]:
    def url(host: str) -> str:
        return f"https://{host}:{server.port}{server.path}"

    given = {
        "scopes": list(server.scopes),
        "send_user": server.send_user,
        "longest_tool_seconds": (
            None if server.longest_tool_seconds == longest else server.longest_tool_seconds
        ),
    }
    return {
        "name": server.name,
        "url": applied(url, server.host),
        "ca_file": f"{INTERNAL_CA_PATH}/ca.crt",
        "era": server.era,
        **{name: value for name, value in given.items() if value},
    }


def _address(store: Store) -> dict[str, Any]:
    """The fields that say where the store is, and whose data it holds."""
    names = ("host", "port", "name", "user")
    return {name: value for name in names if (value := getattr(store, name, None)) is not None}


def _with_login(store: Store, paths: StorePaths) -> dict[str, Any]:
    token = getattr(store, "token", None)
    verify = getattr(store, "verify", "full")
    return {
        **_address(store),
        **({"token": token} if token else {"password_file": paths.password(store)}),
        "ca_file": paths.authority(store),
        **({"verify": verify} if verify != "full" else {}),
    }


def _cache_login(cache: Cache, folder: str) -> dict[str, Any]:
    if cache.token:
        return {**_address(cache), **cache.token.table(folder)}
    return _with_login(cache, CACHE)


def _toml(tables: Mapping[str, Any]) -> pulumi.Input[str]:
    import tomli_w

    return applied(tomli_w.dumps, dict(tables))
