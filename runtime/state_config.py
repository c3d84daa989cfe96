"""The `[state]` section of server.toml."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from .toml_config import Section


class StateSection(Section):
    """The `[state]` section: the store of legacy sessions and WebSocket connections.

    Attributes:
        sessions: table name, in DynamoDB or Azure Table Storage.
        connections: table name for connections that API Gateway holds. Without it each process
            keeps its own connections in memory.
        region: DynamoDB's region; the function's own region by default.
        project, database: of Firestore.
        endpoint: of Azure Table Storage, `https://….table.core.windows.net`.
        key_prefix: begins every key in Valkey. Servers with the same prefix share their sessions.
    """

    kind: Literal["memory", "dynamodb", "firestore", "azure-tables", "valkey"] = "memory"
    sessions: str | None = None
    connections: str | None = None
    region: str | None = None
    project: str | None = None
    database: str | None = None
    endpoint: Annotated[str, Field(pattern=r"^https?://")] | None = None
    key_prefix: Annotated[str, Field(max_length=128)] = "mcp:"

    @model_validator(mode="after")
    def the_kind_has_what_it_needs(self) -> Self:
        needed = {
            "memory": (),
            "dynamodb": ("sessions",),
            "firestore": ("project", "database"),
            "azure-tables": ("endpoint", "sessions"),
            "valkey": (),
        }[self.kind]
        if absent := [key for key in needed if getattr(self, key) is None]:
            raise ValueError(f"kind {self.kind} needs {', '.join(absent)}")
        return self
