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
from dataclasses import dataclass
from functools import partial
from typing import Any, Literal

import h11
import uvicorn
from mcp_types import INVALID_REQUEST
from starlette.types import ASGIApp
from uvicorn.protocols.http.h11_impl import H11Protocol

from .joined_writes import JoinedWrites
from .limits_config import LimitsSection
from .refused_bodies import BodyBeforeRefusal
from .websocket_connection import TimedWebSocket

CLOSED_WITHIN_SECONDS = 5.0
"""How long a connection that is being closed may take to deliver its last bytes."""
STOPPED_WITHIN_SECONDS = 0.4
"""How long uvicorn takes to notice that it should stop, and the process to end after that."""
Phase = Literal["header", "body"]


def _error_answer(reason: str) -> bytes:
    """A whole 408 response that closes its connection."""
    error = {"code": INVALID_REQUEST, "message": reason}
    body = json.dumps({"jsonrpc": "2.0", "id": None, "error": error}).encode()
    head = (
        "HTTP/1.1 408 Request Timeout\r\n"
        "content-type: application/json\r\n"
        f"content-length: {len(body)}\r\n"
        "connection: close\r\n\r\n"
    )
    return head.encode() + body


NOT_BEGUN = _error_answer("The server is stopping and has not begun this request: send it again")
"""Sent on a connection that the server closes without a `Connection: close` header before.

RFC 9110, section 15.5.9: a client that has just sent a request may send it again. nginx does not
use a connection again on which this follows an answer, or arrives while it is unused.
"""


@dataclass
class Arrivals:
    """When clients of a listener have last connected or sent something.

    Attributes:
        latest: as the time of the event loop.
    """

    latest: float = 0.0


class TimedConnection(H11Protocol):
    """An HTTP connection that is closed when its client is too slow.

    A request whose headers or body do not arrive in time is answered with 408. A client that
    reads nothing of its answer is disconnected.
    """

    def __init__(
        self,
        limits: LimitsSection,
        arrivals: Arrivals,
        not_begun: bytes = NOT_BEGUN,
        **options: Any,
    ) -> None:
        super().__init__(**options)
        self.not_begun = not_begun
        self.limits = limits
        self.arrivals = arrivals
        self.arrivals.latest = self.loop.time()  # with TLS, the handshake begins now
        self.ends = False
        self.upgraded = False
        self.phase: Phase | None = None
        self.phase_timer: asyncio.TimerHandle | None = None
        self.send_timer: asyncio.TimerHandle | None = None
        self.abort_timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self.joined = JoinedWrites(transport, self.loop)
        self.transport = self.joined  # type: ignore[assignment]
        self.arrivals.latest = self.loop.time()
        self._enter("header")

    def data_received(self, data: bytes) -> None:
        self.arrivals.latest = self.loop.time()
        super().data_received(data)
        self._follow()

    def on_response_complete(self) -> None:
        if self.ends and not self.transport.is_closing():
            # The head of this response says that the connection stays open.
            self._close_unasked()
        super().on_response_complete()
        self._follow()

    def handle_websocket_upgrade(self, event: h11.Request) -> None:
        self.upgraded = True
        self._cancel_timers()  # from here on another protocol owns the connection
        self.transport = self.joined.released()
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

    @property
    def unused(self) -> bool:
        """Whether no request is in progress."""
        return not self.cycle or self.cycle.response_complete

    def end_after_answer(self) -> None:
        """Close the connection after the answer in progress, or the next one."""
        self.ends = True
        self.joined.joins_all = True

    def shutdown(self) -> None:
        self.end_after_answer()
        if self.unused and not self.transport.is_closing():
            self._close_unasked()

    def _close_unasked(self) -> None:
        """Close the connection, although the client may send a request at this moment.

        The end of an answer is in the same write. So no client takes the connection for reusable.
        """
        self.joined.close(self.not_begun)
        self._abort_later()

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
        late = f"The {self.phase} of the request did not arrive within {seconds:g} s"
        self.transport.write(_error_answer(late))

    def _abort_later(self) -> None:
        if self.abort_timer is None:
            self.abort_timer = self.loop.call_later(CLOSED_WITHIN_SECONDS, self.transport.abort)

    def _cancel_timers(self) -> None:
        for timer in (self.phase_timer, self.send_timer, self.abort_timer):
            if timer is not None:
                timer.cancel()
        self.phase = self.phase_timer = self.send_timer = self.abort_timer = None


class Listener(uvicorn.Server):
    """A uvicorn server on bound sockets, with deadlines and without signal handlers of its own.

    Args:
        not_begun: sent on a connection that is closed without a `Connection: close` header before.
    """

    def __init__(
        self,
        app: ASGIApp,
        limits: LimitsSection,
        context: ssl.SSLContext | None,
        *,
        not_begun: bytes = NOT_BEGUN,
    ) -> None:
        self.arrivals = Arrivals()
        super().__init__(
            uvicorn.Config(
                BodyBeforeRefusal(app, limits.body_seconds),
                http=partial(TimedConnection, limits, self.arrivals, not_begun),  # type: ignore[arg-type]
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
        self.listening: list[socket.socket] = []
        self.accepting: set[asyncio.Task[None]] = set()

    @contextlib.contextmanager
    def capture_signals(self) -> Generator[None]:
        yield

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Accept connections on `sockets`."""
        self.listening = list(sockets or ())
        loop = asyncio.get_running_loop()
        self.servers = [
            await loop.create_server(
                self._connection, sock=one, backlog=self.config.backlog, **self._secured()
            )
            for one in self.listening
        ]
        self.started = True

    def stop_accepting(self) -> None:
        """Close the listening sockets; open connections continue.

        Those that wait in the kernel are open to their clients, which may have sent a request on
        them. They would be reset with the socket, so they are accepted before.
        """
        if not self.started:
            return
        loop = asyncio.get_running_loop()
        for server, listening in zip(self.servers, self.listening, strict=True):
            loop.remove_reader(listening)
            with contextlib.suppress(OSError):  # none waits, or no file is left for one
                for _ in range(self.config.backlog):
                    self._take(listening.accept()[0])
            server.close()
        self.listening = []

    def _take(self, accepted: socket.socket) -> None:
        self.arrivals.latest = asyncio.get_running_loop().time()
        task = asyncio.create_task(self._opened(accepted))
        self.accepting.add(task)
        task.add_done_callback(self.accepting.discard)

    async def _opened(self, accepted: socket.socket) -> None:
        with contextlib.suppress(OSError):  # such as a failed handshake
            loop = asyncio.get_running_loop()
            await loop.connect_accepted_socket(self._connection, accepted, **self._secured())

    def _connection(self) -> asyncio.Protocol:
        protocol = partial(
            self.config.http_protocol_class,
            config=self.config,
            server_state=self.server_state,
            app_state=self.lifespan.state,
        )
        return protocol()

    def _secured(self) -> dict[str, Any]:
        """What makes a connection one with TLS, if the port has it."""
        if self.context is None:
            return {}
        return {
            "ssl": self.context,
            "ssl_handshake_timeout": self.limits.handshake_seconds,
            "ssl_shutdown_timeout": CLOSED_WITHIN_SECONDS,
        }

    def stop_at(self, end: float) -> None:
        """Close all connections, and cancel the requests that are left after that.

        It does not last longer than `end`.

        Args:
            end: the time of the event loop at which the process has to be gone.
        """
        left = end - STOPPED_WITHIN_SECONDS - asyncio.get_running_loop().time()
        self.config.timeout_graceful_shutdown = max(0.0, min(left, 1.0))  # type: ignore[assignment]
        self.should_exit = True

    def end_connections(self) -> None:
        """Close each connection after its answer in progress, or its next one."""
        for connection in self._connections():
            connection.end_after_answer()

    def has_unused_connections(self) -> bool:
        """Whether a connection is open that has no request in progress."""
        return any(connection.unused for connection in self._connections())

    def has_requests(self) -> bool:
        """Whether a request is in progress."""
        return any(not connection.unused for connection in self._connections())

    def close_unused_connections(self) -> None:
        """Close the connections without a request in progress; others close after their answer."""
        for connection in self._connections():
            connection.shutdown()

    def close_websockets(self) -> None:
        """Tell the application of each WebSocket, and close the connection once all is sent."""
        for connection in list(self.server_state.connections):
            if not isinstance(connection, TimedConnection):
                connection.shutdown()

    def _connections(self) -> list[TimedConnection]:
        return [one for one in self.server_state.connections if isinstance(one, TimedConnection)]
