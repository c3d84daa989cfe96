"""MCP over a WebSocket: each frame is one message, answered as a POST to /mcp would answer it."""

from __future__ import annotations

import contextlib
import uuid
from collections.abc import Mapping
from typing import Any

import anyio
from mcp_types import INTERNAL_ERROR, INVALID_REQUEST
from starlette.types import Message, Receive, Scope, Send
from starlette.websockets import WebSocket, WebSocketDisconnect, WebSocketState

from .drain import Drain
from .exchange import Exchange
from .framing import (
    Answer,
    NoMessageError,
    cancelled_by,
    error_frame,
    identity_of,
    message_of,
    objection_to,
    posted,
)
from .logs import event, log
from .metrics import Metrics

AT_ONCE = 32
"""Messages of one connection that are worked on at a time; more are refused, each by an error."""
STOPPING = "the server is stopping: connect again"
TRY_AGAIN = 1012
"""Close code of a server that restarts: the client may connect again at once."""


class Frames:
    """ASGI application for WebSockets whose bearer was let in.

    Each frame goes through the whole HTTP application, so that tokens, eras, limits, logs and
    metrics are those of /mcp. It speaks the modern era only, which has no session: results and
    notifications come back as frames, and `notifications/cancelled` ends what it names.
    """

    def __init__(self, drain: Drain, metrics: Metrics) -> None:
        self.drain = drain
        self.metrics = metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        socket = WebSocket(scope, receive, send)
        await socket.accept()
        exchange = Exchange("GET", scope["path"], uuid.uuid4().hex, standing=True)
        connection = _Connection(socket, self.drain, exchange.hangup)
        self.drain.exchanges.add(exchange)
        try:
            with self.metrics.websocket_connections.track_inprogress():
                await connection.serve()
        finally:
            self.drain.exchanges.discard(exchange)
            event("websocket", messages=connection.received, seconds=round(exchange.seconds(), 4))


class _Connection:
    """One open WebSocket and the messages on it that are being worked on."""

    def __init__(self, socket: WebSocket, drain: Drain, hangup: anyio.Event) -> None:
        self.socket = socket
        self.drain = drain
        self.hangup = hangup
        self.received = 0
        self.under_way: dict[object, anyio.CancelScope] = {}
        self.writing = anyio.Lock()

    async def serve(self) -> None:
        """Answer frames until the client goes, or a drain has nothing to wait for any more."""
        async with anyio.create_task_group() as tasks:

            async def read() -> None:
                while (part := await self.socket.receive())["type"] == "websocket.receive":
                    self.received += 1
                    frame = part.get("text") or ""  # a binary frame is no message either
                    if (message := await self._understood(frame)) is not None:
                        # What has no id cannot be cancelled, but is work all the same.
                        identity = identity_of(message.get("id"))
                        key = object() if identity is None else identity
                        self.under_way[key] = anyio.CancelScope()
                        tasks.start_soon(self._answer, key, message, frame.encode())
                tasks.cancel_scope.cancel()

            tasks.start_soon(read)
            await self.hangup.wait()
            async with self.writing:
                await self.socket.close(TRY_AGAIN, STOPPING)
                tasks.cancel_scope.cancel()

    async def _understood(self, frame: str) -> dict[str, Any] | None:
        """The message to work on; None where all is said already."""
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
        if (objection := self._objection(request, identity)) is not None:
            await self._refuse(identity, *objection)
            return None
        return request

    def _objection(
        self, request: Mapping[str, Any], identity: str | int | None
    ) -> tuple[int, str] | None:
        """Why a message is not worked on, as error code and text."""
        if self.drain.draining:
            return INTERNAL_ERROR, STOPPING
        if identity is not None and identity in self.under_way:
            return INVALID_REQUEST, "this id is being worked on"
        if len(self.under_way) >= AT_ONCE:
            return INTERNAL_ERROR, f"{AT_ONCE} are worked on: try again"
        return objection_to(request)

    async def _answer(self, key: object, message: dict[str, Any], body: bytes) -> None:
        answer = Answer()

        async def send(part: Message) -> None:
            for text in answer.frames(part):
                await self._send(text)

        async def receive() -> Message:
            if not answer.asked:
                answer.asked = True
                return {"type": "http.request", "body": body, "more_body": False}
            await anyio.sleep_forever()  # the client goes by the cancellation of this task
            raise AssertionError

        with self.under_way[key]:
            try:
                await self.socket.app(posted(self.socket.scope, message), receive, send)
            except Exception:
                log.exception("websocket_message_crashed")  # the others on it go on
                answer.refusal = "the server failed at this message"
        if answer.refusal is not None:
            await self._refuse(identity_of(message.get("id")), INTERNAL_ERROR, answer.refusal)
        del self.under_way[key]
        if self.drain.draining and not self.under_way:
            self.hangup.set()

    async def _refuse(self, identity: str | int | None, code: int, why: str) -> None:
        await self._send(error_frame(identity, code, why))

    async def _send(self, text: str) -> None:
        async with self.writing:
            if self.socket.application_state is WebSocketState.CONNECTED:
                with contextlib.suppress(WebSocketDisconnect):  # reading finds out, too
                    await self.socket.send_text(text)
