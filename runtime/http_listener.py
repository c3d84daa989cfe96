"""A uvicorn server that accepts connections with deadlines, and closes them when it stops."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import ssl
from collections.abc import Generator
from functools import partial
from typing import Any

import uvicorn
from starlette.types import ASGIApp

from .connections import CLOSED_WITHIN_SECONDS, NOT_BEGUN, Arrivals, TimedConnection
from .limits_config import LimitsSection
from .refused_bodies import BodyBeforeRefusal
from .websocket_connection import TimedWebSocket

STOPPED_WITHIN_SECONDS = 0.4
"""How long uvicorn takes to notice that it should stop, and the process to end after that."""


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
