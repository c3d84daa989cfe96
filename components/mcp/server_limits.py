"""Limits of the reference server: the largest body, and quotas of one user."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any

from ..base.arg_types import NginxSize
from ..base.constraints import Range

_START = "the server would not start"
Rate = Annotated[int, Range(least=0, most=1_000_000, consequence=_START)]
Quota = Annotated[int, Range(least=1, most=10_000_000, consequence=_START)]
Bytes = Annotated[int, Range(least=1, most=2**40, consequence=_START)]


@dataclass(frozen=True, kw_only=True)
class ServerLimits:
    """The `[limits]` of server.toml. A user is the subject of the accepted tokens.

    Attributes:
        connections: of one port of one process, at a time; a request on one more is answered with
            503.
        concurrent_calls: tool calls of one process at a time, of all users; one more is answered
            with a tool error. None: any number.
        max_body: largest request body, in nginx units; the gateway in front has the same.
        messages_per_second: sustained rate of one user's messages, over HTTP and WebSockets; 0: no
            limit. Each process counts, so n pods let n times as many pass.
        burst: messages above the rate, at once.
        sessions_per_user: legacy sessions that one user may have open.
        streams_per_user: standing streams and WebSockets that one user may hold open.
        memories_per_user: rows that ``remember`` keeps for one user.
        memory_bytes_per_user: bytes that ``remember`` keeps for one user.
    """

    connections: Quota = 10_000
    concurrent_calls: Quota | None = None
    max_body: NginxSize = "4m"
    messages_per_second: Rate = 10
    burst: Rate = 20
    sessions_per_user: Quota = 100
    streams_per_user: Quota = 100
    memories_per_user: Quota = 1000
    memory_bytes_per_user: Bytes = 16 * 1024 * 1024

    def table(self) -> dict[str, Any]:
        """The `[limits]` table."""
        fields = {name: value for name, value in vars(self).items() if value is not None}
        return {"max_body_bytes": nginx_bytes(fields.pop("max_body")), **fields}


def nginx_bytes(size: str) -> int:
    """The bytes of a size in nginx units."""
    return int(size[:-1]) * {"k": 1024, "m": 1024 * 1024}[size[-1]]
