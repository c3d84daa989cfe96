"""HTTP connections with deadlines.

uvicorn limits only the time between two requests. Here a client also has limited time for the TLS
handshake, for headers, for a body, and for reading an answer.
"""

from __future__ import annotations

import asyncio
import json
from dataclasses import dataclass
from typing import Any, Literal

import h11
from mcp_types import INVALID_REQUEST
from uvicorn.protocols.http.h11_impl import H11Protocol

from .joined_writes import JoinedWrites
from .limits_config import LimitsSection

CLOSED_WITHIN_SECONDS = 5.0
"""How long a connection that is being closed may take to deliver its last bytes."""
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
