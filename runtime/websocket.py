"""MCP over WebSockets: each frame is one message, handled like a POST to `/mcp`."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import anyio
from mcp_types import INTERNAL_ERROR, INVALID_REQUEST
from starlette.types import Message, Receive, Scope, Send
from starlette.websockets import WebSocket, WebSocketDisconnect, WebSocketState

from .body_limit import HeldBytes
from .drain import Drain
from .exchange import Exchange, exchange_of
from .logs import event, log
from .message_rates import MessageRates, too_many
from .metrics import Metrics
from .principals import principal_of
from .user_quotas import RETRY_SECONDS, OpenStreams, QuotaError
from .websocket_frames import (
    COUNT_UNFINISHED,
    Answer,
    NoMessageError,
    cancelled_by,
    error_frame,
    identity_of,
    message_of,
    objection_to,
    posted,
)

AT_ONCE = 32
"""Messages of one connection that are handled at the same time; more get an error each."""
STOPPING = "the server is stopping: connect again"
TRY_AGAIN = 1012
"""WebSocket close code 1012, service restart: the client may connect again at once."""


class WebSocketEndpoint:
    """ASGI application for WebSockets of authenticated clients.

    Each frame goes through the whole HTTP application, so that tokens, eras, limits, logs and
    metrics are those of `/mcp`. Only the modern era is supported, because it has no session.
    Results and notifications are sent as frames; `notifications/cancelled` cancels a request.
    """

    def __init__(
        self,
        drain: Drain,
        metrics: Metrics,
        streams: OpenStreams,
        rates: MessageRates,
        held: HeldBytes,
    ) -> None:
        self.drain = drain
        self.metrics = metrics
        self.streams = streams
        self.rates = rates
        self.held = held

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        socket = WebSocket(scope, receive, send)
        try:
            with self.streams.one_more(principal_of(scope)):
                await self._serve(socket, scope)
        except QuotaError as full:
            await socket.send_denial_response(too_many(str(full), RETRY_SECONDS))

    async def _serve(self, socket: WebSocket, scope: Scope) -> None:
        await socket.accept()
        exchange = exchange_of(scope) or Exchange.opened(scope)
        exchange.standing = True
        user = principal_of(scope) or ""
        count_unfinished = scope.get("extensions", {}).get(COUNT_UNFINISHED)
        if count_unfinished is not None:
            count_unfinished(partial(self.held.add_if_room, user))
        pace = partial(self.rates.wait, user)
        connection = _Connection(socket, self.drain, exchange.hangup, pace)
        self.drain.exchanges.add(exchange)
        try:
            with self.metrics.websocket_connections.track_inprogress():
                await connection.serve()
        finally:
            self.drain.exchanges.discard(exchange)
            event(
                "websocket",
                messages=connection.received,
                seconds=round(exchange.seconds(), 4),
                subject=exchange.subject,
                client=exchange.client,
            )


class _Connection:
    """One open WebSocket and its unanswered messages."""

    def __init__(
        self,
        socket: WebSocket,
        drain: Drain,
        hangup: anyio.Event,
        pace: Callable[[], float],
    ) -> None:
        self.socket = socket
        self.pace = pace
        self.drain = drain
        self.hangup = hangup
        self.received = 0
        self.under_way: dict[object, anyio.CancelScope] = {}
        self.writing = anyio.Lock()

    async def serve(self) -> None:
        """Answer frames until the client disconnects, or until a drain finds no open message."""
        async with anyio.create_task_group() as tasks:

            async def read() -> None:
                while (part := await self.socket.receive())["type"] == "websocket.receive":
                    self.received += 1
                    frame = part.get("text") or ""  # a binary frame is not a message
                    if (message := await self._understood(frame)) is not None:
                        # A message without an id cannot be cancelled, but counts as open.
                        identity = identity_of(message.get("id"))
                        key = object() if identity is None else identity
                        self.under_way[key] = anyio.CancelScope()
                        tasks.start_soon(self._answer, key, message, frame.encode())
                    else:
                        await self._wait_for_turn()
                tasks.cancel_scope.cancel()

            tasks.start_soon(read)
            await self.hangup.wait()
            await self._write({"type": "websocket.close", "code": TRY_AGAIN, "reason": STOPPING})
            tasks.cancel_scope.cancel()

    async def _wait_for_turn(self) -> None:
        """Count a frame that is no call, and read no further one while the user is over the rate.

        A call is counted by the application, which answers 429.
        """
        while seconds := self.pace():
            await anyio.sleep(seconds)

    async def _understood(self, frame: str) -> dict[str, Any] | None:
        """The message to handle; None if it was a cancellation or has been refused."""
        try:
            request = message_of(frame)
        except NoMessageError as none:
            await self._refuse(None, none.code, str(none))
            return None
        if request.get("method") == "notifications/cancelled":
            if scope := self.under_way.get(cancelled_by(request)):
                scope.cancel()
            return None
        identity = identity_of(request.get("id"))
        if identity is not None and identity in self.under_way:
            # Without the id: the client would take the error for the open request's answer.
            why = f"a request with the id {json.dumps(identity)} is still open"
            await self._refuse(None, INVALID_REQUEST, why)
            return None
        if (objection := self._objection(request)) is not None:
            await self._refuse(identity, *objection)
            return None
        return request

    def _objection(self, request: Mapping[str, Any]) -> tuple[int, str] | None:
        """The error code and text for a message that is refused; None for one that is not."""
        if self.drain.draining:
            return INTERNAL_ERROR, STOPPING
        if len(self.under_way) >= AT_ONCE:
            return INTERNAL_ERROR, f"{AT_ONCE} messages are open: try again"
        return objection_to(request)

    async def _answer(self, key: object, message: dict[str, Any], body: bytes) -> None:
        answer = Answer(identity_of(message.get("id")))

        async def send(part: Message) -> None:
            for text in answer.frames(part):
                await self._send(text)

        async def receive() -> Message:
            if not answer.asked:
                answer.asked = True
                return {"type": "http.request", "body": body, "more_body": False}
            await anyio.sleep_forever()  # a disconnect cancels this task
            raise AssertionError

        with self.under_way[key]:
            try:
                await self.socket.app(posted(self.socket.scope, message), receive, send)
            except Exception:
                log.exception("websocket_message_crashed")  # the connection stays open
                answer.refusal = "the server failed to handle this message"
        if answer.refusal is not None:
            await self._refuse(identity_of(message.get("id")), INTERNAL_ERROR, answer.refusal)
        del self.under_way[key]
        if self.drain.draining and not self.under_way:
            self.hangup.set()

    async def _refuse(self, identity: str | int | None, code: int, why: str) -> None:
        await self._send(error_frame(identity, code, why))

    async def _send(self, text: str) -> None:
        await self._write({"type": "websocket.send", "text": text})

    async def _write(self, message: Message) -> None:
        async with self.writing:
            if self.socket.application_state is WebSocketState.CONNECTED:
                with contextlib.suppress(WebSocketDisconnect):  # `serve` sees the disconnect
                    await self.socket.send(message)
