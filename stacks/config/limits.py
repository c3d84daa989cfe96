"""Section `limits`: connections of a server, and quotas of one user."""

from __future__ import annotations

from pydantic import Field

from components.mcp.server_limits import ServerLimits

from .section import Section


class Limits(Section):
    """Limits of every process of a server; a user is the subject of the accepted tokens."""

    connections: int = Field(
        default=10_000,
        ge=1,
        le=10_000_000,
        description="Largest number of open connections, of all users; requests on others get 503.",
    )
    concurrent_calls: int | None = Field(
        default=None,
        ge=1,
        le=10_000_000,
        description="Tool calls at a time, of all users; one more is answered with a tool error. "
        "Absent: any number.",
    )
    messages_per_second: int = Field(
        default=10,
        ge=0,
        le=1_000_000,
        description="Sustained rate of messages, over HTTP and WebSockets; 0: no limit.",
    )
    burst: int = Field(
        default=20,
        ge=0,
        le=1_000_000,
        description="Messages above the rate that are accepted at once.",
    )
    sessions_per_user: int = Field(
        default=100, ge=1, le=10_000_000, description="Legacy sessions open at a time."
    )
    streams_per_user: int = Field(
        default=100,
        ge=1,
        le=10_000_000,
        description="Standing streams and WebSockets open at a time.",
    )
    memories_per_user: int = Field(
        default=1000,
        ge=1,
        le=10_000_000,
        description="Texts of a user that the tool remember stores.",
    )
    memory_bytes_per_user: int = Field(
        default=16 * 1024 * 1024,
        ge=1,
        le=2**40,
        description="Bytes of a user that the tool remember stores.",
    )

    def of_servers(self, max_body: str) -> ServerLimits:
        """The args of every server, which has the gateway's limit of bodies."""
        return ServerLimits(max_body=max_body, **self.model_dump())
