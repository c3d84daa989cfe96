"""The `[limits]` section of server.toml: deadlines of connections, and quotas of each user."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from .toml_config import Section

MIB = 1024 * 1024
Seconds = Annotated[float, Field(gt=0, le=3600)]
Quota = Annotated[int, Field(ge=1, le=10_000_000)]


class LimitsSection(Section):
    """The `[limits]` section. A user is the `sub` of an issuer's tokens.

    Attributes:
        connections: of one port of one process, at a time; a request on one more is answered with
            503.
        concurrent_calls: tool calls of one process at a time, of all users; one more is a tool
            error. None: no limit.
        max_body_bytes: largest request body, and largest WebSocket frame.
        handshake_seconds: for the TLS handshake.
        header_seconds: from the start of a connection, or of its next request, to the end of the
            headers.
        body_seconds: from the end of the headers to the end of the request body; for a WebSocket
            message, from its first byte to its last.
        idle_seconds: between two requests of a connection; longer than a proxy's, so that the
            proxy closes idle connections first.
        send_seconds: how long a client may read nothing while an answer waits for it.
        messages_per_second: sustained rate of POSTs and WebSocket frames of one user; 0: no limit.
        burst: messages above the rate, at once.
        sessions_per_user: legacy sessions that one user may have open.
        streams_per_user: GET streams, subscriptions and WebSockets that one user may hold open.
        memories_per_user: rows that `remember` keeps for one user.
        memory_bytes_per_user: bytes of names and texts that `remember` keeps for one user.
    """

    connections: Quota = 10_000
    concurrent_calls: Quota | None = None
    max_body_bytes: Annotated[int, Field(ge=1024, le=1024 * 1024 * MIB)] = 4 * MIB
    handshake_seconds: Seconds = 10
    header_seconds: Seconds = 15
    body_seconds: Seconds = 60
    idle_seconds: Seconds = 120
    send_seconds: Seconds = 60
    messages_per_second: Annotated[float, Field(ge=0, le=1_000_000)] = 10
    burst: Annotated[int, Field(ge=0, le=1_000_000)] = 20
    sessions_per_user: Quota = 100
    streams_per_user: Quota = 100
    memories_per_user: Quota = 1000
    memory_bytes_per_user: Annotated[int, Field(ge=1, le=1024 * 1024 * MIB)] = 16 * MIB
