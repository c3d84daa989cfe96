"""What server.toml may say."""

from __future__ import annotations

import os
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any, Literal, Self, cast

from pydantic import Field, model_validator

from .reading import ConfigError, Section, parsed, read_table, validated

ENVIRONMENT = "QUDAG_MCP_CONFIG"
"""The variable that holds a server.toml where a host has no place for a file."""
Era = Literal["dual", "modern", "legacy"]
Port = Annotated[int, Field(ge=1, le=65535)]
Duration = Annotated[str, Field(pattern=r"^[0-9]+(ms|s|m|h)$")]


class Role(StrEnum):
    """What a server is for; decides its tools (see `tools.ROLE_TOOLS`) and nothing else."""

    MONOLITH = "monolith"
    CORE = "core"
    QUDAG = "qudag"
    AUTH = "auth"
    TOOLS = "tools"
    CONFIG = "config"
    STATE = "state"
    CONSENSUS = "consensus"
    CRYPTO = "crypto"


class ServerSection(Section):
    """Where the server listens and what it is.

    Attributes:
        port: plain HTTP; serves everything, or with `tls_port` only /health and /ready.
        tls_port: HTTPS for everything, with `tls_cert` and `tls_key`.
        metrics_port: /metrics for Prometheus; no metrics listener when absent.
        name: what the server calls itself to clients and in its logs; the role when absent.
    """

    host: str = "0.0.0.0"  # noqa: S104 - a pod has no other address to be reached at
    port: Port = 8080
    tls_port: Port | None = None
    tls_cert: Path | None = None
    tls_key: Path | None = None
    metrics_port: Port | None = None
    role: Role = Role.MONOLITH
    name: str = ""

    @model_validator(mode="after")
    def tls_is_complete(self) -> Self:
        given = (self.tls_port, self.tls_cert, self.tls_key)
        if any(value is not None for value in given) and None in given:
            raise ValueError("tls_port, tls_cert and tls_key belong together: set all or none")
        return self

    @model_validator(mode="after")
    def ports_differ(self) -> Self:
        ports = [p for p in (self.port, self.tls_port, self.metrics_port) if p is not None]
        if len(set(ports)) < len(ports):
            raise ValueError("port, tls_port and metrics_port must differ")
        return self


class ProtocolSection(Section):
    """Which MCP revisions are served, and how long a call and a drain may take.

    Attributes:
        era: `modern` is MCP 2026-07-28, `legacy` the revisions with an initialize handshake.
        longest_tool_seconds: a call that runs longer is ended with a tool error.
        drain_seconds: from SIGTERM to exit; must outlive the longest tool.
        allowed_hosts: values of Host and Origin that are answered; any when empty.
    """

    era: Era = "dual"
    longest_tool_seconds: Annotated[float, Field(gt=0, le=3600)] = 60
    drain_seconds: Annotated[float, Field(gt=0, le=7200)] = 65
    allowed_hosts: tuple[str, ...] = ()

    @model_validator(mode="after")
    def drain_outlives_the_longest_tool(self) -> Self:
        if self.drain_seconds <= self.longest_tool_seconds:
            raise ValueError(
                f"drain_seconds is {self.drain_seconds:g}, but a call may run "
                f"{self.longest_tool_seconds:g} s: set drain_seconds higher"
            )
        return self


class AuthSection(Section):
    """Whose tokens are accepted (RFC 9068 claims, keys as a JWK Set).

    Attributes:
        resource_url: this server's identifier in RFC 9728 metadata; when absent it is derived
            from the address that the client used, as X-Forwarded-Proto and -Host tell it.
    """

    issuer: Annotated[str, Field(min_length=1)]
    audience: Annotated[str, Field(min_length=1)]
    jwks_file: Path | None = None
    jwks_url: Annotated[str, Field(pattern=r"^https?://")] | None = None
    resource_url: Annotated[str, Field(pattern=r"^https?://")] | None = None

    @model_validator(mode="after")
    def one_source_of_keys(self) -> Self:
        if (self.jwks_file is None) == (self.jwks_url is None):
            raise ValueError("set exactly one of jwks_file and jwks_url")
        return self


class LoggingSection(Section):
    """How much is logged, and as what."""

    level: Literal["debug", "info", "warning", "error"] = "info"
    format: Literal["json", "text"] = "json"


class PasswordSection(Section):
    """What is reached with a password.

    Attributes:
        password_file: holds it, where a Secret can be mounted.
        password_env: names the variable that holds it, where a cloud fills variables from secrets.
    """

    password_file: Path | None = None
    password_env: str | None = None

    @model_validator(mode="after")
    def one_source_of_the_password(self) -> Self:
        if self.password_file is not None and self.password_env is not None:
            raise ValueError("set password_file or password_env, not both")
        return self

    def password(self) -> str | None:
        """The password, read anew since Secrets rotate; raises `OSError` where it is not there."""
        if self.password_file is not None:
            return self.password_file.read_text().strip()
        if self.password_env is None:
            return None
        if self.password_env not in os.environ:
            raise OSError(f"{self.password_env} is not set")
        return os.environ[self.password_env]


class DatabaseSection(PasswordSection):
    """PostgreSQL behind `remember` and `recall`; TLS, fully verified, when `ca_file` is set."""

    host: str
    port: Port = 5432
    name: str
    user: str
    ca_file: Path | None = None


class RedisSection(PasswordSection):
    """Valkey or Redis; its reachability is reported by /ready."""

    host: str
    port: Port = 6379
    ca_file: Path | None = None


class QudagSection(Section):
    """The node identity that this server keeps, described by a node.toml."""

    node_config: Path
    consensus_timeout: Duration = "30s"


class StateSection(Section):
    """Where legacy sessions and WebSocket connections are kept when several instances serve them.

    Attributes:
        sessions: name of a table, in DynamoDB or Azure's table storage.
        connections: the same, where API Gateway holds WebSockets; else a process keeps its own.
        region: of DynamoDB; the function's own when absent.
        project, database: of Firestore.
        endpoint: of Azure's table storage, `https://….table.core.windows.net`.
    """

    kind: Literal["memory", "dynamodb", "firestore", "azure-tables"] = "memory"
    sessions: str | None = None
    connections: str | None = None
    region: str | None = None
    project: str | None = None
    database: str | None = None
    endpoint: Annotated[str, Field(pattern=r"^https?://")] | None = None

    @model_validator(mode="after")
    def the_kind_has_what_it_needs(self) -> Self:
        needed = {
            "memory": (),
            "dynamodb": ("sessions",),
            "firestore": ("project", "database"),
            "azure-tables": ("endpoint", "sessions"),
        }[self.kind]
        if absent := [key for key in needed if getattr(self, key) is None]:
            raise ValueError(f"kind {self.kind} needs {', '.join(absent)}")
        return self


class Config(Section):
    """All of server.toml."""

    server: ServerSection = ServerSection()
    protocol: ProtocolSection = ProtocolSection()
    auth: AuthSection
    logging: LoggingSection = LoggingSection()
    database: DatabaseSection | None = None
    redis: RedisSection | None = None
    qudag: QudagSection | None = None
    state: StateSection | None = None

    @property
    def name(self) -> str:
        """What the server calls itself."""
        return self.server.name or f"qudag-mcp-{self.server.role}"

    def absent(self) -> list[str]:
        """What is configured and not there, as `section.key: path does not exist`."""
        tables = [(section, table) for section, table in self if isinstance(table, Section)]
        return [
            *(
                f"{section}.{key}: {path} does not exist"
                for section, table in tables
                for key, path in table
                if isinstance(path, Path) and not path.is_file()
            ),
            *(
                f"{section}.password_env: {table.password_env} is not set"
                for section, table in tables
                if isinstance(table, PasswordSection)
                and table.password_env is not None
                and table.password_env not in os.environ
            ),
        ]


def load(source: Path) -> Config:
    """Read `source`; raises `ConfigError` with every problem found in it."""
    return read_table(source, Config)


def load_environment() -> Config:
    """Read the variable `ENVIRONMENT`; raises `ConfigError`.

    The port is PORT's where the configuration names none: Cloud Run chooses it so ("Container
    runtime contract").
    """
    if ENVIRONMENT not in os.environ:
        raise ConfigError(ENVIRONMENT, ["is not set: it holds the configuration, as server.toml"])
    content = parsed(ENVIRONMENT, os.environ[ENVIRONMENT])
    server = content.setdefault("server", {})
    if "PORT" in os.environ and isinstance(server, dict):
        cast("dict[str, Any]", server).setdefault("port", os.environ["PORT"])
    return validated(ENVIRONMENT, content, Config)
