"""The sections and fields of server.toml."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated, Any, Literal, Self, cast

from pydantic import ConfigDict, Field, model_validator

from .audit_config import AuditRolesSection, AuditSection, KeeperSection
from .auth_config import AuthSection
from .limits_config import LimitsSection
from .log_export_config import LogExportSection
from .otlp_config import OtlpSection
from .protected_resources_config import ProtectedResourceSections
from .redis_config import RedisSection
from .secret_files_config import SecretFileSections
from .server_config import Connections, Role, ServerSection
from .state_config import StateSection
from .store_config import PasswordSection, PostgresSection
from .toml_config import ConfigError, Section, parsed, validated
from .tool_servers_config import ToolServerSections
from .traces_config import TracesSection
from .upstream_config import UpstreamSection
from .user_keys_config import MasterKeySection

ENVIRONMENT = "QUDAG_MCP_CONFIG"
"""Environment variable with the text of server.toml, for hosts that cannot mount a file."""
Era = Literal["dual", "modern", "legacy"]
Seconds = Annotated[float, Field(gt=0, le=86_400)]
Origin = Annotated[str, Field(pattern=r"^https?://[^/?#@\s*]+$")]
Duration = Annotated[str, Field(pattern=r"^[0-9]+(ms|s|m|h)$")]


class ProtocolSection(Section):
    """The `[protocol]` section: MCP revisions, and time limits of calls and of the drain.

    Attributes:
        era: `modern` is MCP 2026-07-28, `legacy` the revisions with an initialize handshake.
        longest_tool_seconds: a longer call is ended with a tool error.
        drain_seconds: from SIGTERM to exit; must be longer than the longest tool call.
        allowed_hosts: accepted values of `Host` besides addresses, local names and the host of the
            resource; `*` is any part of a name.
        allowed_origins: web pages that may call the server, as `https://host[:port]`.
        json_answers: answer clients that accept only `application/json` with one JSON body.
    """

    era: Era = "dual"
    longest_tool_seconds: Annotated[float, Field(gt=0, le=3600)] = 60
    drain_seconds: Annotated[float, Field(gt=0, le=7200)] = 65
    allowed_hosts: tuple[str, ...] = ()
    allowed_origins: tuple[Origin, ...] = ()
    json_answers: bool = False

    @model_validator(mode="after")
    def drain_outlives_the_longest_tool(self) -> Self:
        if self.drain_seconds <= self.longest_tool_seconds:
            raise ValueError(
                f"drain_seconds is {self.drain_seconds:g}, but a call may run "
                f"{self.longest_tool_seconds:g} s: set drain_seconds higher"
            )
        return self


class LoggingSection(Section):
    """The `[logging]` section: level and format."""

    level: Literal["debug", "info", "warning", "error"] = "info"
    format: Literal["json", "text"] = "json"


class DatabaseSection(PostgresSection):
    """The `[database]` section: PostgreSQL for `remember` and `recall`.

    The times are those of the boilerplate document.

    Attributes:
        max_connections: of one process, each for one call at a time.
        min_connections: kept open by one process; at most `max_connections`.
        acquire_seconds: how long a call waits for a connection before it fails.
        idle_seconds: after which an unused connection above `min_connections` is closed.
        lifetime_seconds: after which a connection is replaced, once its call has ended.
    """

    max_connections: Connections = 8
    min_connections: Annotated[int, Field(ge=0, le=1000)] = 2
    acquire_seconds: Seconds = 3
    idle_seconds: Seconds = 600
    lifetime_seconds: Seconds = 1800


class MigrationConfig(Section):
    """The configuration of `migrate`: three sections of a file that may have others."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    database: DatabaseSection | None = None
    audit_keeper: KeeperSection | None = None
    audit_roles: AuditRolesSection | None = None

    @model_validator(mode="after")
    def roles_have_a_keeper(self) -> Self:
        if self.audit_roles is not None and self.audit_keeper is None:
            raise ValueError("audit_roles is set, and audit_keeper is missing: add it")
        return self


class QudagSection(Section):
    """The `[qudag]` section: the node.toml of the QuDAG stand-in in this server."""

    node_config: Path
    consensus_timeout: Duration = "30s"


class ServerConfig(Section):
    """The sections that every kind of server has."""

    server: ServerSection = ServerSection()
    protocol: ProtocolSection = ProtocolSection()
    limits: LimitsSection = LimitsSection()
    logging: LoggingSection = LoggingSection()

    @property
    def role(self) -> str:
        """The server's role, as logs and metrics name it."""
        return str(self.server.role)

    @property
    def name(self) -> str:
        """The server's name in MCP and in logs."""
        return self.server.name or f"qudag-mcp-{self.role}"

    @property
    def resource_attributes(self) -> dict[str, str]:
        """Resource attributes (OpenTelemetry) of spans and of copies of log lines."""
        found = {"service.name": self.name, "qudag.role": self.role}
        if self.server.environment is not None:
            found["deployment.environment.name"] = self.server.environment
        return found


class Config(ServerConfig):
    """The whole of server.toml."""

    auth: AuthSection
    database: DatabaseSection | None = None
    redis: RedisSection | None = None
    audit: AuditSection | None = None
    qudag: QudagSection | None = None
    user_keys: MasterKeySection | None = None
    vault: MasterKeySection | None = None
    state: StateSection | None = None
    tool_servers: ToolServerSections = ()
    protected_resources: ProtectedResourceSections = ()
    secret_files: SecretFileSections = ()
    upstream: UpstreamSection | None = None
    traces: TracesSection | None = None
    log_export: LogExportSection | None = None

    @model_validator(mode="after")
    def a_front_has_an_upstream_and_nothing_else(self) -> Self:
        if (self.server.role is Role.FRONT) != (self.upstream is not None):
            raise ValueError(
                "server.role is front for a server with the section [upstream], and for no other"
            )
        if self.upstream is None:
            return self
        ports = (self.server.port, self.server.tls_port, self.server.metrics_port)
        if self.upstream.port in ports:
            raise ValueError(f"upstream.port is {self.upstream.port}, on which this server listens")
        others = (
            *("database", "redis", "qudag", "user_keys", "vault"),
            *("state", "tool_servers", "protected_resources", "audit", "secret_files"),
        )
        if unused := [name for name in others if getattr(self, name)]:
            raise ValueError(
                f"a server with [upstream] passes calls on and uses no {', '.join(unused)}: leave "
                "them out"
            )
        return self

    @model_validator(mode="after")
    def copied_lines_are_json(self) -> Self:
        if self.log_export is not None and self.logging.format != "json":
            raise ValueError(
                f"logging.format is {self.logging.format}, and log_export sends lines of json: "
                "set it to json, or leave [log_export] out"
            )
        return self

    @model_validator(mode="after")
    def a_vault_has_a_database(self) -> Self:
        if self.vault is not None and self.database is None:
            raise ValueError("a vault keeps its entries in PostgreSQL: add the section [database]")
        return self

    @model_validator(mode="after")
    def sessions_in_valkey_have_one(self) -> Self:
        if self.state is not None and self.state.kind == "valkey" and self.redis is None:
            raise ValueError("state.kind is valkey: add the section [redis], which says where")
        return self

    @model_validator(mode="after")
    def workers_share_no_memory(self) -> Self:
        if self.server.workers == 1:
            return self
        problems: list[str] = []
        if self.protocol.era != "modern" and (self.state is None or self.state.kind == "memory"):
            problems.append(
                f"sessions of the era {self.protocol.era} would be in the memory of one of them: "
                "set protocol.era to modern, or [state] to a store"
            )
        if self.qudag is not None:
            problems.append("the node of [qudag] is one process: leave one of the two out")
        if problems:
            raise ValueError(f"server.workers is {self.server.workers}, but {'; '.join(problems)}")
        return self

    def absent(self) -> list[str]:
        """Configured files and variables that do not exist, each as `section.key: …`."""
        tables = [(section, table) for section, table in self if isinstance(table, Section)]
        tables += [
            (f"auth.additional_issuers.{number}", issuer)
            for number, issuer in enumerate(self.auth.additional_issuers)
        ]
        tables += [(f"tool_servers.{server.name}", server) for server in self.tool_servers]
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
            *(
                f"{section}.ca_env: {table.ca_env} is not set"
                for section, table in tables
                if isinstance(table, PostgresSection)
                and table.ca_env is not None
                and table.ca_env not in os.environ
            ),
            *(
                f"{section}.token_env: {table.token_env} is not set"
                for section, table in tables
                if isinstance(table, OtlpSection)
                and table.token_env is not None
                and table.token_env not in os.environ
            ),
        ]


def load_environment() -> Config:
    """Read the configuration from the environment variable `ENVIRONMENT`; raises `ConfigError`.

    `PORT` sets the port unless the configuration does: Cloud Run chooses it ("Container runtime
    contract").
    """
    if ENVIRONMENT not in os.environ:
        raise ConfigError(ENVIRONMENT, ["is not set: it must hold the text of a server.toml"])
    content = parsed(ENVIRONMENT, os.environ[ENVIRONMENT])
    server = content.setdefault("server", {})
    if "PORT" in os.environ and isinstance(server, dict):
        cast("dict[str, Any]", server).setdefault("port", os.environ["PORT"])
    return validated(ENVIRONMENT, content, Config)
