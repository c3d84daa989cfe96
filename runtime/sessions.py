"""Legacy MCP sessions in a store that instances share, so that any of them can serve a request."""

from __future__ import annotations

import contextlib
import json
import logging
import time
import uuid
from collections.abc import Awaitable
from typing import Any, TypeVar

import anyio
from mcp.server.auth.middleware.bearer_auth import AuthenticatedUser
from mcp.server.streamable_http import MCP_SESSION_ID_HEADER, REQUEST_CANCELLED
from mcp_types import INTERNAL_ERROR, INVALID_REQUEST
from mcp_types.version import HANDSHAKE_PROTOCOL_VERSIONS
from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from .logs import event
from .message_rates import too_many
from .metrics import Metrics
from .request_filters import VERSION_HEADER, json_object, object_or_empty
from .state import Session, SessionStore, cancellation, is_cancelled, request_key
from .user_quotas import RETRY_SECONDS
from .websocket_frames import Answer, identity_of

SESSION_SECONDS = 3600
"""Lifetime of a session. A request in its second half renews it, so an idle session expires after
30 to 60 minutes (the SDK's own after 30), and a session costs at most two writes an hour."""
CANCELLED_EVERY_SECONDS = 1.0
"""Interval at which a running call reads from the store whether it was cancelled. Shorter calls
cost no read."""


Found = TypeVar("Found")


class UnreachableError(Exception):
    """The session store failed or did not answer."""


class StoredSessions:
    """ASGI middleware that adds sessions to the SDK's stateless mode.

    It accepts only POST and DELETE. A session's GET stream would have to be held by the same
    instance that sends messages on it. A user opens at most `most` sessions.
    """

    def __init__(self, app: ASGIApp, store: SessionStore, most: int, metrics: Metrics) -> None:
        self.app = app
        self.store = store
        self.most = most
        self.metrics = metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        version = Headers(scope=scope).get(VERSION_HEADER)
        if version is not None and version not in HANDSHAKE_PROTOCOL_VERSIONS:
            await self.app(scope, receive, send)
        elif scope["method"] not in ("POST", "DELETE"):
            await Response(status_code=405, headers={"allow": "POST, DELETE"})(scope, receive, send)
        else:
            try:
                await self._answer(scope, receive, send, version)
            except UnreachableError:
                await _unreachable()(scope, receive, send)

    async def _answer(
        self, scope: Scope, receive: Receive, send: Send, version: str | None
    ) -> None:
        body = await Request(scope, receive).body()
        message = json_object(body)
        again = _again(body)
        named = Headers(scope=scope).get(MCP_SESSION_ID_HEADER)
        if named is None:
            if message.get("method") == "initialize":
                await self.app(scope, again, self._opening(scope, again, send))
            elif message:
                await _refusal(400, "Bad Request: Missing session ID")(scope, again, send)
            else:
                await self.app(scope, again, send)  # the SDK answers what is wrong with the body
            return
        session = await _from_store(self.store.find(named))
        if session is None or session.user_id != _subject(scope):
            # The same answer for another user's session, so that its id is not confirmed to exist.
            await _refusal(404, "Session not found")(scope, again, send)
        elif version is not None and version != session.protocol_version:
            said = f"this session uses {session.protocol_version}, not {version}"
            await _refusal(400, f"Bad Request: {said}")(scope, again, send)
        elif scope["method"] == "DELETE":
            await _from_store(self.store.close(named))
            await Response(status_code=204)(scope, again, send)
        else:
            if session.expires_at - time.time() < SESSION_SECONDS / 2:
                renewed = _fresh(named, session.user_id, session.protocol_version)
                with contextlib.suppress(UnreachableError):  # more than half its lifetime is left
                    await _from_store(self.store.renew(renewed))
            await self._work(_speaking(scope, session), again, send, session, message)

    def _opening(self, scope: Scope, receive: Receive, send: Send) -> Send:
        """Wrap `send`: it holds the answer back until the store has a session for its result.

        An answer without a result, such as a JSON-RPC error with status 200, opens no session. 429
        replaces the answer if the user has too many sessions, and 503 if the store fails.
        """
        answer = Answer(None)
        held: list[Message] = []
        settled = refused = False

        async def opening(part: Message) -> None:
            nonlocal settled, refused
            if refused:
                return
            held.append(part)
            if not settled:
                frames = [json_object(frame.encode()) for frame in answer.frames(part)]
                results = [frame["result"] for frame in frames if "result" in frame]
                if not results and part.get("more_body", True):
                    return
                settled = True
                if results:
                    version = str(object_or_empty(results[0]).get("protocolVersion"))
                    session = _fresh(uuid.uuid4().hex, _subject(scope), version)
                    refusal = await self._refusal_to_open(session)
                    if refusal is not None:
                        refused = True
                        await refusal(scope, receive, send)
                        return
                    MutableHeaders(scope=held[0])[MCP_SESSION_ID_HEADER] = session.session_id
            while held:
                await send(held.pop(0))

        return opening

    async def _refusal_to_open(self, session: Session) -> Response | None:
        """Open the session, or say why not."""
        try:
            opened = await _from_store(self.store.open(session, self.most))
        except UnreachableError:
            return _unreachable()
        if opened:
            return None
        self.metrics.limited.labels("sessions").inc()
        return too_many(f"You have {self.most} sessions open, which is the limit", RETRY_SECONDS)

    async def _work(
        self, scope: Scope, receive: Receive, send: Send, session: Session, message: dict[str, Any]
    ) -> None:
        identity = identity_of(message.get("id"))
        if message.get("method") == "notifications/cancelled":
            cancelled = request_key(object_or_empty(message.get("params")).get("requestId"))
            if cancelled is None:
                said = "Bad Request: requestId is not the id of a request"
                await _refusal(400, said)(scope, receive, send)
            else:
                recorded = cancellation(cancelled, time.time())
                await _from_store(self.store.cancel(session.session_id, recorded))
                await Response(status_code=202)(scope, receive, send)
        elif identity is None or request_key(identity) is None:
            await self.app(scope, receive, send)
        else:
            await self._call(scope, receive, send, session, identity)

    async def _call(
        self, scope: Scope, receive: Receive, send: Send, session: Session, identity: str | int
    ) -> None:
        """Run a call until it answers, is cancelled, or its session is closed."""
        answer = _Answer(send)
        call = anyio.CancelScope()
        key = request_key(identity)
        started = time.time()

        async def watch() -> None:
            while True:
                await anyio.sleep(CANCELLED_EVERY_SECONDS)
                # If the store fails, the call goes on and the next read may succeed.
                with contextlib.suppress(UnreachableError):
                    recorded = await _from_store(self.store.cancelled(session.session_id))
                    if recorded is None:
                        is_over = time.time() < session.expires_at  # closed, and not expired
                    else:
                        is_over = is_cancelled(recorded, key, started)
                    if is_over:
                        call.cancel()

        async with anyio.create_task_group() as tasks:
            tasks.start_soon(watch)
            with call:
                await self.app(scope, receive, answer.send)
            tasks.cancel_scope.cancel()
        if call.cancelled_caught:
            await answer.end_cancelled(identity)


class _Answer:
    """Forwards a response, and can end it with the error that the SDK sends for cancellation."""

    def __init__(self, send: Send) -> None:
        self.wire = send
        self.started = False
        self.ended = False

    async def send(self, part: Message) -> None:
        await self.wire(part)
        if part["type"] == "http.response.start":
            self.started = True
        else:
            self.ended = not part.get("more_body", False)

    async def end_cancelled(self, identity: str | int) -> None:
        """Send the error for a cancelled request, unless the response is complete."""
        if self.ended:
            return
        error = {"code": REQUEST_CANCELLED, "message": "Request cancelled"}
        said = json.dumps({"jsonrpc": "2.0", "id": identity, "error": error})
        if not self.started:
            headers = [(b"content-type", b"text/event-stream")]
            await self.send({"type": "http.response.start", "status": 200, "headers": headers})
        last = f"event: message\r\ndata: {said}\r\n\r\n".encode()
        await self.send({"type": "http.response.body", "body": last, "more_body": False})


def _again(body: bytes) -> Receive:
    """A `receive` that returns the body again and never reports a disconnect.

    In the legacy revisions a broken connection does not cancel the request.
    """
    unread = [body]

    async def receive() -> Message:
        if unread:
            return {"type": "http.request", "body": unread.pop(), "more_body": False}
        await anyio.sleep_forever()
        raise AssertionError

    return receive


def _speaking(scope: Scope, session: Session) -> Scope:
    """A copy of `scope` with the session's negotiated version as `MCP-Protocol-Version`."""
    headers = [(name, value) for name, value in scope["headers"] if name != VERSION_HEADER.encode()]
    return {
        **scope,
        "headers": [*headers, (VERSION_HEADER.encode(), session.protocol_version.encode())],
    }


def _fresh(session_id: str, user_id: str, version: str) -> Session:
    return Session(
        session_id=session_id,
        user_id=user_id,
        protocol_version=version,
        expires_at=int(time.time()) + SESSION_SECONDS,
    )


def _subject(scope: Scope) -> str:
    user = scope["user"]
    assert isinstance(user, AuthenticatedUser)
    assert user.access_token.subject is not None
    return user.access_token.subject


async def _from_store(asked: Awaitable[Found]) -> Found:
    """Await a call of the store; raises `UnreachableError` for any exception of its library."""
    try:
        return await asked
    except Exception as error:
        event("sessions_unreachable", logging.WARNING, failure=type(error).__name__)
        raise UnreachableError from error


def _unreachable() -> JSONResponse:
    return _refusal(503, "The session store does not answer; try again", **{"retry-after": "2"})


def _refusal(status: int, message: str, **headers: str) -> JSONResponse:
    error = {"code": INVALID_REQUEST if status < 500 else INTERNAL_ERROR, "message": message}
    return JSONResponse({"jsonrpc": "2.0", "id": None, "error": error}, status, headers)
