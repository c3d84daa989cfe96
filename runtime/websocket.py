"""MCP over a WebSocket: each frame is one message, answered as a POST to /mcp would answer it."""

from __future__ import annotations

import contextlib
import json
import uuid
from collections.abc import Iterator, Mapping
from typing import Any, cast

import anyio
from mcp.shared.inbound import (
    MCP_METHOD_HEADER,
    MCP_NAME_HEADER,
    MCP_PROTOCOL_VERSION_HEADER,
    NAME_BEARING_METHODS,
    encode_header_value,
)
from mcp_types import INTERNAL_ERROR, INVALID_REQUEST, PARSE_ERROR, PROTOCOL_VERSION_META_KEY
from mcp_types.version import LATEST_MODERN_VERSION
from starlette.types import Message, Receive, Scope, Send
from starlette.websockets import WebSocket, WebSocketDisconnect

from .drain import Drain
from .exchange import Exchange
from .logs import event
from .metrics import Metrics

AT_ONCE = 32
"""Messages of one connection that are worked on at a time; more are refused, each by an error."""
TRY_AGAIN = 1012
"""Close code of a server that restarts: the client may connect again at once."""
KEPT_HEADERS = frozenset({b"authorization", b"host", b"origin", b"traceparent"})


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
        connection = _Connection(socket, self.drain)
        self.drain.exchanges.add(exchange)
        try:
            with self.metrics.websocket_connections.track_inprogress():
                await connection.serve(exchange.hangup)
        finally:
            self.drain.exchanges.discard(exchange)
            event("websocket", messages=connection.received, seconds=round(exchange.seconds(), 4))


class _Connection:
    """One open WebSocket and the messages on it that are being worked on."""

    def __init__(self, socket: WebSocket, drain: Drain) -> None:
        self.socket = socket
        self.drain = drain
        self.received = 0
        self.under_way: dict[str | int | None, anyio.CancelScope] = {}
        self.writing = anyio.Lock()

    async def serve(self, hangup: anyio.Event) -> None:
        """Answer frames until the client goes, or the drain ends what only waits."""
        async with anyio.create_task_group() as tasks:

            async def read() -> None:
                while (part := await self.socket.receive())["type"] == "websocket.receive":
                    self.received += 1
                    frame = part.get("text") or ""  # a binary frame is no message either
                    if (message := await self._understood(frame)) is not None:
                        tasks.start_soon(
                            self._answer, message, frame.encode(), self._begun(message)
                        )
                tasks.cancel_scope.cancel()

            tasks.start_soon(read)
            await hangup.wait()
            async with self.writing:
                await self.socket.close(TRY_AGAIN, "the server is stopping: connect again")
                tasks.cancel_scope.cancel()

    async def _understood(self, frame: str) -> dict[str, Any] | None:
        """The message to work on; None where all is said already."""
        try:
            message: object = json.loads(frame)
        except (ValueError, RecursionError):
            await self._refuse(None, PARSE_ERROR, "a frame holds one JSON-RPC message")
            return None
        if not isinstance(message, dict):
            await self._refuse(None, INVALID_REQUEST, "a frame holds one JSON-RPC message")
            return None
        request = cast("dict[str, Any]", message)
        identity = _identity(request.get("id"))
        if request.get("method") == "notifications/cancelled":
            named = _identity(_mapping(request.get("params")).get("requestId"))
            if scope := self.under_way.get(named):
                scope.cancel()
            return None
        if identity in self.under_way:
            await self._refuse(identity, INVALID_REQUEST, "this id is being worked on")
        elif len(self.under_way) >= AT_ONCE:
            await self._refuse(identity, INTERNAL_ERROR, f"{AT_ONCE} are worked on: try again")
        else:
            return request
        return None

    def _begun(self, message: dict[str, Any]) -> anyio.CancelScope:
        """The scope that ends it; from here on its id is taken."""
        scope = anyio.CancelScope()
        if (identity := _identity(message.get("id"))) is not None:
            self.under_way[identity] = scope
        return scope

    async def _answer(self, message: dict[str, Any], body: bytes, scope: anyio.CancelScope) -> None:
        identity = _identity(message.get("id"))
        answer = _Answer()

        async def send(part: Message) -> None:
            for text in answer.frames(part):
                await self._send(text)

        async def receive() -> Message:
            if not answer.asked:
                answer.asked = True
                return {"type": "http.request", "body": body, "more_body": False}
            await anyio.sleep_forever()  # the client goes by the cancellation of this task
            raise AssertionError

        with scope:
            try:
                await self.socket.app(_posted(self.socket.scope, message), receive, send)
            finally:
                self.under_way.pop(identity, None)
        if answer.refusal is not None:
            await self._refuse(identity, INTERNAL_ERROR, answer.refusal)

    async def _refuse(self, identity: str | int | None, code: int, why: str) -> None:
        error = {"code": code, "message": why}
        await self._send(json.dumps({"jsonrpc": "2.0", "id": identity, "error": error}))

    async def _send(self, text: str) -> None:
        async with self.writing:
            with contextlib.suppress(WebSocketDisconnect):  # reading finds out, too
                await self.socket.send_text(text)


def _posted(opened: Scope, message: Mapping[str, Any]) -> Scope:
    """The POST with which a client would have sent this message to /mcp."""
    params = _mapping(message.get("params"))
    method = str(message.get("method", ""))
    version = _mapping(params.get("_meta")).get(PROTOCOL_VERSION_META_KEY, LATEST_MODERN_VERSION)
    named = NAME_BEARING_METHODS.get(method)
    derived = {
        "content-type": "application/json",
        "accept": "application/json, text/event-stream",
        MCP_PROTOCOL_VERSION_HEADER: encode_header_value(str(version)),
        MCP_METHOD_HEADER: encode_header_value(method),
        **({MCP_NAME_HEADER: encode_header_value(str(params.get(named)))} if named else {}),
    }
    headers: list[tuple[bytes, bytes]] = [
        (name, value)
        for name, value in opened["headers"]
        if name in KEPT_HEADERS or name.startswith(b"x-forwarded-")
    ]
    headers += [(name.encode(), value.encode()) for name, value in derived.items()]
    return {
        **opened,
        "type": "http",
        "scheme": str(opened["scheme"]).replace("ws", "http"),
        "method": "POST",
        "path": "/mcp",
        "raw_path": b"/mcp",
        "headers": headers,
    }


class _Answer:
    """The HTTP answer to one message, taken apart into frames.

    Attributes:
        asked: whether the body was read.
        refusal: why there will be no JSON-RPC message in answer.
    """

    def __init__(self) -> None:
        self.asked = False
        self.refusal: str | None = None
        self.events = False
        self.status = 0
        self.rest = b""

    def frames(self, part: Message) -> Iterator[str]:
        """The messages that `part` of the answer completes."""
        if part["type"] == "http.response.start":
            headers = dict(part["headers"])
            self.status = part["status"]
            self.events = headers.get(b"content-type", b"").startswith(b"text/event-stream")
            return
        self.rest += part.get("body", b"")
        if self.events:
            *whole, self.rest = self.rest.replace(b"\r\n", b"\n").split(b"\n\n")
            yield from filter(None, map(_data, whole))
        elif not part.get("more_body", False) and self.rest:
            if b'"jsonrpc"' in self.rest:
                yield self.rest.decode()
            else:
                self.refusal = f"HTTP {self.status}: {self.rest.decode(errors='replace')[:200]}"


def _data(event: bytes) -> str:
    lines = [line[5:].strip() for line in event.split(b"\n") if line.startswith(b"data:")]
    return b"\n".join(lines).decode()


def _mapping(value: object) -> dict[str, Any]:
    return cast("dict[str, Any]", value) if isinstance(value, dict) else {}


def _identity(value: object) -> str | int | None:
    return value if isinstance(value, str | int) else None
