"""WebSocket connections with deadlines, as `connections` has them for HTTP.

uvicorn answers a handshake only if it is well formed, and a ping even if nobody reads the pong.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any, cast

from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
from websockets.frames import CloseCode, Frame
from websockets.http11 import Request

from .limits_config import LimitsSection
from .websocket_frames import COUNT_UNFINISHED

BAD_REQUEST = b"HTTP/1.1 400 Bad Request\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"


class TimedWebSocket(WebSocketsSansIOProtocol):
    """A WebSocket that is closed when its client is too slow.

    A message must arrive within `body_seconds`, and a client that reads nothing is disconnected
    after `send_seconds`.
    """

    def __init__(self, limits: LimitsSection, **options: Any) -> None:
        super().__init__(**options)
        self.limits = limits
        self.message_timer: asyncio.TimerHandle | None = None
        self.send_timer: asyncio.TimerHandle | None = None
        self.owed_pong = b""
        self.count: Callable[[int], bool] | None = None
        self.counted = 0

    def handle_connect(self, event: Request) -> None:
        super().handle_connect(event)
        if not self.close_sent:
            extensions = cast("dict[str, Any]", self.scope.get("extensions"))
            extensions[COUNT_UNFINISHED] = self.count_unfinished

    def count_unfinished(self, count: Callable[[int], bool]) -> None:
        """Call `count` with the growth of the message that is not whole yet, in bytes.

        If it returns False, the connection is closed.
        """
        self.count = count
        self._count()

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        if not self.handshake_initiated:
            self._refuse_handshake()
        elif self.frames or self.conn.reader.buffer:
            self._await_message()
        else:
            self._stop_awaiting()
        self._count()

    def send_receive_event_to_app(self) -> None:
        self._stop_awaiting()
        super().send_receive_event_to_app()

    def handle_cont(self, event: Frame) -> None:
        """Append to one buffer: a list of tiny fragments takes many times the memory."""
        whole = self.frames[0]
        buffer = whole if isinstance(whole, bytearray) else bytearray(whole)
        buffer += event.data
        self.frames = cast("list[bytes]", [buffer])
        if event.fin:
            self.send_receive_event_to_app()

    def handle_ping(self) -> None:
        """Send the pong. While the client reads nothing, keep only the last (RFC 6455, 5.5.3)."""
        pong = b"".join(self.conn.data_to_send())
        if self.writable.is_set():
            self.transport.write(pong)
        else:
            self.owed_pong = pong

    def pause_writing(self) -> None:
        super().pause_writing()
        if self.send_timer is None:
            self.send_timer = self.loop.call_later(self.limits.send_seconds, self.transport.abort)

    def resume_writing(self) -> None:
        super().resume_writing()
        if self.send_timer is not None:
            self.send_timer.cancel()
            self.send_timer = None
        pong, self.owed_pong = self.owed_pong, b""
        if pong and not self.transport.is_closing():
            self.transport.write(pong)

    def shutdown(self) -> None:
        """Close the connection; one that is closing already loses what its client did not read."""
        if self.transport.is_closing():
            self.transport.abort()
        else:
            super().shutdown()

    def connection_lost(self, exc: Exception | None) -> None:
        self._stop_awaiting()
        if self.send_timer is not None:
            self.send_timer.cancel()
        if self.count is not None:
            self.count(-self.counted)
            self.count = None
        super().connection_lost(exc)

    def _refuse_handshake(self) -> None:
        """Answer a handshake that cannot be read; its head came whole, so no more will come."""
        self.transport.write(b"".join(self.conn.data_to_send()) or BAD_REQUEST)
        self.close_sent = True
        self.transport.close()

    def _await_message(self) -> None:
        if self.message_timer is None:
            self.message_timer = self.loop.call_later(self.limits.body_seconds, self._too_slow)

    def _stop_awaiting(self) -> None:
        if self.message_timer is not None:
            self.message_timer.cancel()
            self.message_timer = None

    def _count(self) -> None:
        growth = sum(map(len, self.frames)) + len(self.conn.reader.buffer) - self.counted
        if self.count is None or not growth:
            return
        if self.count(growth):
            self.counted += growth
        else:
            self._fail(CloseCode.TRY_AGAIN_LATER, "your open requests have too many bytes")

    def _too_slow(self) -> None:
        seconds = f"{self.limits.body_seconds:g} s"
        self._fail(CloseCode.POLICY_VIOLATION, f"a message did not arrive within {seconds}")

    def _fail(self, code: CloseCode, why: str) -> None:
        if self.close_sent or self.transport.is_closing():
            return
        self.conn.fail(code, why)
        self.handle_parser_exception()
