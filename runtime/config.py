"""What server.toml may say, and the lines an operator reads when it cannot be served."""

from __future__ import annotations

import difflib
import tomllib
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any, Literal, Self, TypeVar, get_args

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

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


class ConfigError(Exception):
    """A configuration that cannot be served; each problem is one line for the operator."""

    def __init__(self, source: Path, problems: list[str]) -> None:
        self.problems = tuple(f"{source}: {problem}" for problem in problems)
        super().__init__("\n".join(self.problems))


class StartError(Exception):
    """A sound configuration on a machine that cannot carry it; the message is for the operator."""


class Section(BaseModel):
    """A table of server.toml: immutable, nothing unknown."""

    model_config = ConfigDict(extra="forbid", frozen=True)


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


class DatabaseSection(Section):
    """PostgreSQL behind `remember` and `recall`; TLS, fully verified, when `ca_file` is set."""

    host: str
    port: Port = 5432
    name: str
    user: str
    password_file: Path | None = None
    ca_file: Path | None = None


class RedisSection(Section):
    """Valkey or Redis; its reachability is reported by /ready."""

    host: str
    port: Port = 6379
    password_file: Path | None = None
    ca_file: Path | None = None


class QudagSection(Section):
    """The node identity that this server keeps, described by a node.toml."""

    node_config: Path
    consensus_timeout: Duration = "30s"


class StateSection(Section):
    """Where legacy sessions and WebSocket connections are kept when several instances serve them.

    Attributes:
        sessions, connections: names of tables, in DynamoDB or Azure's table storage.
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
            "dynamodb": ("sessions", "connections"),
            "firestore": ("project", "database"),
            "azure-tables": ("endpoint", "sessions", "connections"),
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

    def absent_files(self) -> list[str]:
        """The configured files that are not there, as `section.key: path does not exist`."""
        return [
            f"{section}.{key}: {path} does not exist"
            for section, table in self
            if isinstance(table, Section)
            for key, path in table
            if isinstance(path, Path) and not path.is_file()
        ]


Table = TypeVar("Table", bound=Section)


def load(source: Path) -> Config:
    """Read `source`; raises `ConfigError` with every problem found in it."""
    return read_table(source, Config)


def read_table(source: Path, model: type[Table]) -> Table:
    """Read the TOML file `source` as `model`; raises `ConfigError`."""
    try:
        content = tomllib.loads(source.read_text())
    except OSError as error:
        raise ConfigError(source, [f"cannot be read: {error.strerror}"]) from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(source, [f"is not TOML: {error}"]) from None
    try:
        return model.model_validate(content)
    except ValidationError as error:
        problems = [_in_words(problem, model) for problem in error.errors(include_url=False)]
        raise ConfigError(source, problems) from None


def _in_words(problem: Any, model: type[Section]) -> str:
    path = [str(part) for part in problem["loc"]]
    where = ".".join(path) or "the file"
    match problem["type"]:
        case "extra_forbidden":
            known = _keys(model, path[:-1])
            near = difflib.get_close_matches(path[-1], known, n=1)
            hint = f"did you mean {near[0]}?" if near else f"known here: {', '.join(known)}"
            return f"{where}: unknown key; {hint}"
        case "missing":
            return f"{where}: missing"
        case "value_error":
            return f"{where}: {problem['ctx']['error']}"
        case _:
            return f"{where}: {problem['msg'][:1].lower()}{problem['msg'][1:]}"


def _keys(model: type[Section], path: list[str]) -> list[str]:
    for part in path:
        annotation = model.model_fields[part].annotation
        candidates = (annotation, *get_args(annotation))
        model = next(c for c in candidates if isinstance(c, type) and issubclass(c, Section))
    return list(model.model_fields)
