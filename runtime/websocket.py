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
from mcp_types import (
    INTERNAL_ERROR,
    INVALID_REQUEST,
    PARSE_ERROR,
    PROTOCOL_VERSION_META_KEY,
    UNSUPPORTED_PROTOCOL_VERSION,
)
from mcp_types.version import LATEST_MODERN_VERSION, MODERN_PROTOCOL_VERSIONS
from starlette.types import Message, Receive, Scope, Send
from starlette.websockets import WebSocket, WebSocketDisconnect, WebSocketState

from .drain import Drain
from .exchange import Exchange
from .gate import mapping
from .logs import event, log
from .metrics import Metrics

AT_ONCE = 32
"""Messages of one connection that are worked on at a time; more are refused, each by an error."""
STOPPING = "the server is stopping: connect again"
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
                        identity = _identity(message.get("id"))
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
            message: object = json.loads(frame)
        except (ValueError, RecursionError):
            await self._refuse(None, PARSE_ERROR, "a frame holds one JSON-RPC message")
            return None
        if not isinstance(message, dict):
            await self._refuse(None, INVALID_REQUEST, "a frame holds one JSON-RPC message")
            return None
        request = cast("dict[str, Any]", message)
        if request.get("method") == "notifications/cancelled":
            named = _identity(mapping(request.get("params")).get("requestId"))
            if named is not None and (scope := self.under_way.get(named)):
                scope.cancel()
            return None
        identity = _identity(request.get("id"))
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
        if (version := _version(request)) not in MODERN_PROTOCOL_VERSIONS:
            spoken = ", ".join(MODERN_PROTOCOL_VERSIONS)
            return UNSUPPORTED_PROTOCOL_VERSION, f"a WebSocket speaks {spoken}, not {version}"
        return None

    async def _answer(self, key: object, message: dict[str, Any], body: bytes) -> None:
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

        with self.under_way[key]:
            try:
                await self.socket.app(_posted(self.socket.scope, message), receive, send)
            except Exception:
                log.exception("websocket_message_crashed")  # the others on it go on
                answer.refusal = "the server failed at this message"
        if answer.refusal is not None:
            await self._refuse(_identity(message.get("id")), INTERNAL_ERROR, answer.refusal)
        del self.under_way[key]
        if self.drain.draining and not self.under_way:
            self.hangup.set()

    async def _refuse(self, identity: str | int | None, code: int, why: str) -> None:
        error = {"code": code, "message": why}
        await self._send(json.dumps({"jsonrpc": "2.0", "id": identity, "error": error}))

    async def _send(self, text: str) -> None:
        async with self.writing:
            if self.socket.application_state is WebSocketState.CONNECTED:
                with contextlib.suppress(WebSocketDisconnect):  # reading finds out, too
                    await self.socket.send_text(text)


def _posted(opened: Scope, message: Mapping[str, Any]) -> Scope:
    """The POST with which a client would have sent this message to /mcp."""
    params = mapping(message.get("params"))
    method = str(message.get("method", ""))
    named = NAME_BEARING_METHODS.get(method)
    derived = {
        "content-type": "application/json",
        "accept": "application/json, text/event-stream",
        MCP_PROTOCOL_VERSION_HEADER: _version(message),
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


def _version(message: Mapping[str, Any]) -> str:
    """The revision that a message says it is of; the newest where it does not say."""
    meta = mapping(mapping(message.get("params")).get("_meta"))
    return str(meta.get(PROTOCOL_VERSION_META_KEY, LATEST_MODERN_VERSION))


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


def _identity(value: object) -> str | int | None:
    return value if isinstance(value, str | int) else None
