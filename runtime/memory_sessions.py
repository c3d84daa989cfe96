"""Legacy MCP sessions in the memory of this process: every request has an id of its own.

The SDK finds the response stream of a request by the request's id, and treats `1` and `"1"` as one
id. Clients exist that send id 1 always. So each request gets a new id on its way in, and its
response the client's id on its way out.
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, cast

import pydantic_core
from mcp.server import ServerRequestContext
from mcp.server.auth.middleware.bearer_auth import AuthenticatedUser, authorization_context
from mcp.server.context import CallNext, HandlerResult
from mcp.server.streamable_http import LAST_EVENT_ID_HEADER, MCP_SESSION_ID_HEADER
from mcp_types.version import HANDSHAKE_PROTOCOL_VERSIONS
from starlette.datastructures import Headers
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from .request_filters import VERSION_HEADER, object_or_empty
from .websocket_frames import identity_of

RELEASE = "qudag.release_request_id"
"""Key in the ASGI scope: a function that ends the request's registration."""


@dataclass
class MemorySessions:
    """ASGI middleware around the SDK's stateful mode.

    A `notifications/cancelled` cancels the open request with that id; if several have it, none is
    cancelled, because each may have another caller. A GET stream ignores `Last-Event-ID`: the
    server keeps no events, and a client may not rely on a replay.

    Attributes:
        open: by session and user, the client's id of each unanswered request, by its new id.
    """

    app: ASGIApp
    open: dict[object, dict[str, str | int]] = field(
        default_factory=dict[object, dict[str, str | int]]
    )

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        headers = Headers(scope=scope)
        version = headers.get(VERSION_HEADER)
        session = headers.get(MCP_SESSION_ID_HEADER)
        if version is not None and version not in HANDSHAKE_PROTOCOL_VERSIONS:
            await self.app(scope, receive, send)
        elif scope["method"] == "GET":
            await self.app(_without(scope, LAST_EVENT_ID_HEADER), receive, send)
        elif scope["method"] == "POST" and session is not None:
            await self._post((session, _user(scope)), scope, receive, send)
        elif scope["method"] == "POST":
            # Read here: the SDK logs an error if its client disconnects while it reads.
            body = await Request(scope, receive).body()
            await self.app(scope, _again(body, receive), send)
        else:
            await self.app(scope, receive, send)

    async def _post(self, session: object, scope: Scope, receive: Receive, send: Send) -> None:
        body = await Request(scope, receive).body()
        message = _object(body)
        identity = identity_of(message.get("id"))
        if message.get("method") == "notifications/cancelled":
            params = object_or_empty(message.get("params"))
            known = self._known(session, params.get("requestId"))
            if known is None:
                await Response(status_code=202)(scope, receive, send)
            else:
                renamed = {**message, "params": {**params, "requestId": known}}
                await self.app(scope, _again(renamed, receive), send)
        elif identity is None or "method" not in message:  # no request: the SDK answers
            await self.app(scope, _again(body, receive), send)
        else:
            await self._request(session, message, scope, receive, send)

    def _known(self, session: object, identity: object) -> str | None:
        """The new id of the one open request with this id; None for none or several."""
        cancelled = identity_of(identity)
        found = [
            new
            for new, old in self.open.get(session, {}).items()
            if old == cancelled and type(old) is type(cancelled)
        ]
        return found[0] if len(found) == 1 else None

    async def _request(
        self, session: object, message: dict[str, Any], scope: Scope, receive: Receive, send: Send
    ) -> None:
        identity: str | int = message["id"]
        new = f"request-{uuid.uuid4().hex}"
        self.open.setdefault(session, {})[new] = identity

        def release() -> None:
            requests = self.open.get(session, {})
            requests.pop(new, None)
            if not requests:
                self.open.pop(session, None)

        answer = _Answer(send, new, identity)
        try:
            renamed = {**message, "id": new}
            await self.app({**scope, RELEASE: release}, _again(renamed, receive), answer.send)
        finally:
            # Without an answer the client has hung up. Its call goes on, and can be cancelled.
            if answer.given:
                release()


class _Answer:
    """Forwards a response with the client's id in place of the new one."""

    def __init__(self, wire: Send, new: str, identity: str | int) -> None:
        self.wire = wire
        self.new = f'"id":"{new}"'.encode()
        self.old = f'"id":{json.dumps(identity)}'.encode()
        self.given = False

    async def send(self, part: Message) -> None:
        if part["type"] == "http.response.start":
            # A 200 announces a stream; its answer follows. Anything else is the whole response.
            self.given = part["status"] != 200
        elif self.new in part.get("body", b""):
            # The SDK sends each event as one part, and the id stands before the result in it.
            self.given = True
            part = {**part, "body": part["body"].replace(self.new, self.old, 1)}
        await self.wire(part)


async def release_settled(
    ctx: ServerRequestContext[Any, Any], call_next: CallNext
) -> HandlerResult:
    """Middleware of the MCP server: ends the registration of a request once it has settled."""
    try:
        return await call_next(ctx)
    finally:
        if ctx.request_id is not None and ctx.request is not None:
            release: Callable[[], None] | None = ctx.request.scope.get(RELEASE)
            if release is not None:
                release()


def _object(body: bytes) -> dict[str, Any]:
    """Parse `body` as the SDK does; empty if it is no JSON object."""
    try:
        return object_or_empty(pydantic_core.from_json(body))
    except ValueError:
        return {}


def _again(content: dict[str, Any] | bytes, receive: Receive) -> Receive:
    """A `receive` that returns this body, then what the connection reports."""
    body = (
        content
        if isinstance(content, bytes)
        else pydantic_core.to_json(content, inf_nan_mode="constants")
    )
    unread = [body]

    async def again() -> Message:
        if unread:
            return {"type": "http.request", "body": unread.pop(), "more_body": False}
        return await receive()

    return again


def _without(scope: Scope, name: str) -> Scope:
    kept = [(key, value) for key, value in scope["headers"] if key != name.encode()]
    return {**scope, "headers": kept}


def _user(scope: Scope) -> tuple[object, ...]:
    user = cast("object", scope.get("user"))
    if not isinstance(user, AuthenticatedUser):
        return ()
    return tuple(authorization_context(user).values())
