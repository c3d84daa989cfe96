"""HTTP connections with deadlines, and the listener that accepts them.

uvicorn limits only the time between two requests. Here a client also has limited time for the TLS
handshake, for headers, for a body, and for reading an answer.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import socket
import ssl
from collections.abc import Generator
from functools import partial
from typing import Any, Literal

import h11
import uvicorn
from mcp_types import INVALID_REQUEST
from starlette.types import ASGIApp
from uvicorn.protocols.http.h11_impl import H11Protocol

from .joined_writes import JoinedWrites
from .limits_config import LimitsSection
from .websocket_connection import TimedWebSocket

CLOSED_WITHIN_SECONDS = 5.0
"""How long a connection that is being closed may take to deliver its last bytes."""
STOPPED_WITHIN_SECONDS = 0.4
"""How long uvicorn takes to notice that it should stop, and the process to end after that."""
Phase = Literal["header", "body"]


class TimedConnection(H11Protocol):
    """An HTTP connection that is closed when its client is too slow.

    A request whose headers or body do not arrive in time is answered with 408. A client that
    reads nothing of its answer is disconnected.
    """

    def __init__(self, limits: LimitsSection, **options: Any) -> None:
        super().__init__(**options)
        self.limits = limits
        self.upgraded = False
        self.phase: Phase | None = None
        self.phase_timer: asyncio.TimerHandle | None = None
        self.send_timer: asyncio.TimerHandle | None = None
        self.abort_timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self.transport = JoinedWrites(transport, self.loop)  # type: ignore[assignment]
        self._enter("header")

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        self._follow()

    def on_response_complete(self) -> None:
        super().on_response_complete()
        self._follow()

    def handle_websocket_upgrade(self, event: h11.Request) -> None:
        self.upgraded = True
        self._cancel_timers()  # from here on another protocol owns the connection
        if isinstance(self.transport, JoinedWrites):
            self.transport = self.transport.released()
        super().handle_websocket_upgrade(event)

    def pause_writing(self) -> None:
        super().pause_writing()
        if self.send_timer is None:
            self.send_timer = self.loop.call_later(self.limits.send_seconds, self.transport.abort)

    def resume_writing(self) -> None:
        super().resume_writing()
        if self.send_timer is not None:
            self.send_timer.cancel()
            self.send_timer = None

    def timeout_keep_alive_handler(self) -> None:
        super().timeout_keep_alive_handler()
        self._abort_later()

    def connection_lost(self, exc: Exception | None) -> None:
        self._cancel_timers()
        super().connection_lost(exc)

    def _follow(self) -> None:
        """Set the phase of the request from the received bytes."""
        if self.upgraded or self.transport.is_closing():
            return
        state = self.conn.their_state
        if state is h11.SEND_BODY:
            self._enter("body")
        elif state is h11.IDLE and (
            self.conn.trailing_data[0] or self.timeout_keep_alive_task is None
        ):
            self._enter("header")
        else:  # the response is in progress, or uvicorn's keep-alive timer runs
            self._enter(None)

    def _enter(self, phase: Phase | None) -> None:
        """Start the deadline of `phase`; received bytes do not extend a started deadline."""
        if phase == self.phase and self.phase_timer is not None:
            return
        if self.phase_timer is not None:
            self.phase_timer.cancel()
            self.phase_timer = None
        self.phase = phase
        if phase is not None:
            limits = self.limits
            seconds = limits.header_seconds if phase == "header" else limits.body_seconds
            self.phase_timer = self.loop.call_later(seconds, self._too_slow, seconds)

    def _too_slow(self, seconds: float) -> None:
        if self.transport.is_closing():
            return
        began = self.phase == "body" or bool(self.conn.trailing_data[0])
        if began and self.conn.our_state in (h11.IDLE, h11.SEND_RESPONSE):
            self._answer_408(seconds)
        if self.phase == "body" and not self.cycle.response_complete:
            self.cycle.disconnected = True
            self.cycle.message_event.set()
        self.transport.close()
        self._abort_later()

    def _answer_408(self, seconds: float) -> None:
        said = f"The {self.phase} of the request did not arrive within {seconds:g} s"
        error = {"code": INVALID_REQUEST, "message": said}
        body = json.dumps({"jsonrpc": "2.0", "id": None, "error": error}).encode()
        headers = [
            (b"content-type", b"application/json"),
            (b"content-length", str(len(body)).encode()),
            (b"connection", b"close"),
        ]
        parts = (
            h11.Response(status_code=408, headers=headers, reason=b"Request Timeout"),
            h11.Data(data=body),
            h11.EndOfMessage(),
        )
        self.transport.write(b"".join(self.conn.send(part) or b"" for part in parts))

    def _abort_later(self) -> None:
        if self.abort_timer is None:
            self.abort_timer = self.loop.call_later(CLOSED_WITHIN_SECONDS, self.transport.abort)

    def _cancel_timers(self) -> None:
        for timer in (self.phase_timer, self.send_timer, self.abort_timer):
            if timer is not None:
                timer.cancel()
        self.phase = self.phase_timer = self.send_timer = self.abort_timer = None


class Listener(uvicorn.Server):
    """A uvicorn server on bound sockets, with deadlines and without signal handlers of its own."""

    def __init__(self, app: ASGIApp, limits: LimitsSection, context: ssl.SSLContext | None) -> None:
        super().__init__(
            uvicorn.Config(
                app,
                http=partial(TimedConnection, limits),  # type: ignore[arg-type]
                lifespan="off",
                ws=partial(TimedWebSocket, limits),  # type: ignore[arg-type]
                ws_max_size=limits.max_body_bytes,
                log_config=None,
                access_log=False,
                server_header=False,
                proxy_headers=False,
                timeout_keep_alive=limits.idle_seconds,  # type: ignore[arg-type]
                limit_concurrency=limits.connections + 1,  # uvicorn refuses the one that reaches it
            )
        )
        self.limits = limits
        self.context = context

    @contextlib.contextmanager
    def capture_signals(self) -> Generator[None]:
        yield

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Accept connections on `sockets`."""
        connection = partial(
            self.config.http_protocol_class,
            config=self.config,
            server_state=self.server_state,
            app_state=self.lifespan.state,
        )
        secured: dict[str, Any] = {}
        if self.context is not None:
            secured = {
                "ssl": self.context,
                "ssl_handshake_timeout": self.limits.handshake_seconds,
                "ssl_shutdown_timeout": CLOSED_WITHIN_SECONDS,
            }
        loop = asyncio.get_running_loop()
        self.servers = [
            await loop.create_server(connection, sock=one, backlog=self.config.backlog, **secured)
            for one in sockets or ()
        ]
        self.started = True

    def stop_accepting(self) -> None:
        """Close the listening sockets; open connections continue."""
        for server in self.servers if self.started else ():
            server.close()

    def stop_at(self, end: float) -> None:
        """Close all connections, and cancel the requests that are left after that.

        It does not last longer than `end`.

        Args:
            end: the time of the event loop at which the process has to be gone.
        """
        left = end - STOPPED_WITHIN_SECONDS - asyncio.get_running_loop().time()
        self.config.timeout_graceful_shutdown = max(0.0, min(left, 1.0))  # type: ignore[assignment]
        self.should_exit = True

    def close_idle_connections(self) -> None:
        """Close the connections without a request; each other one closes after its answer."""
        for connection in list(self.server_state.connections):
            connection.shutdown()
