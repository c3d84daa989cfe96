"""Legacy sessions that any instance may serve: what is known of them lies in a store."""

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
from mcp_types.version import HANDSHAKE_PROTOCOL_VERSIONS, LATEST_HANDSHAKE_VERSION
from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from .framing import identity_of
from .gate import VERSION_HEADER, envelope, mapping
from .logs import event
from .state import Session, SessionStore, request_key

SESSION_SECONDS = 3600
"""Life of a session; a request in its second half gives it another. Idle, it lives 30 to 60
minutes, where the SDK's own live 30, and costs a store two writes an hour at most."""
CANCELLED_EVERY_SECONDS = 1.0
"""How often a running call looks whether it was cancelled. Who waits for it to end does not notice
a second, calls that are shorter cost no read, and the others one a second."""


Found = TypeVar("Found")


class UnreachableError(Exception):
    """The store did not do what it was asked to."""


class StoredSessions:
    """ASGI middleware around the SDK's stateless mode, which knows no session.

    Only POST and DELETE are answered: a stream of a session's own (GET) would need the instance
    that sends to be the one that holds it.
    """

    def __init__(self, app: ASGIApp, store: SessionStore) -> None:
        self.app = app
        self.store = store

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
        message = envelope(body)
        again = _again(body)
        named = Headers(scope=scope).get(MCP_SESSION_ID_HEADER)
        if named is None:
            if message.get("method") == "initialize":
                await self.app(scope, again, self._opening(scope, again, send, message))
            elif message:
                await _refusal(400, "Bad Request: Missing session ID")(scope, again, send)
            else:
                await self.app(scope, again, send)  # which says what is wrong with the body
            return
        session = await _from_store(self.store.find(named))
        if session is None or session.user_id != _subject(scope):
            # Another's session is answered as one that is not: its id is not confirmed to exist.
            await _refusal(404, "Session not found")(scope, again, send)
        elif version is not None and version != session.protocol_version:
            said = f"this session speaks {session.protocol_version}, not {version}"
            await _refusal(400, f"Bad Request: {said}")(scope, again, send)
        elif scope["method"] == "DELETE":
            await _from_store(self.store.close(named))
            await Response(status_code=204)(scope, again, send)
        else:
            if session.expires_at - time.time() < SESSION_SECONDS / 2:
                renewed = _fresh(named, session.user_id, session.protocol_version)
                with contextlib.suppress(UnreachableError):  # it has half its life yet
                    await _from_store(self.store.renew(renewed))
            await self._work(_speaking(scope, session), again, send, session, message)

    def _opening(self, scope: Scope, receive: Receive, send: Send, message: dict[str, Any]) -> Send:
        """`send`, which opens a session with the answer that begins well, or refuses instead."""
        asked = mapping(message.get("params")).get("protocolVersion")
        version = asked if asked in HANDSHAKE_PROTOCOL_VERSIONS else LATEST_HANDSHAKE_VERSION
        refused = False

        async def opening(part: Message) -> None:
            nonlocal refused
            if part["type"] == "http.response.start" and part["status"] == 200:
                session = _fresh(uuid.uuid4().hex, _subject(scope), str(version))
                try:
                    await _from_store(self.store.open(session))
                except UnreachableError:
                    refused = True
                    await _unreachable()(scope, receive, send)
                MutableHeaders(scope=part)[MCP_SESSION_ID_HEADER] = session.session_id
            if not refused:
                await send(part)

        return opening

    async def _work(
        self, scope: Scope, receive: Receive, send: Send, session: Session, message: dict[str, Any]
    ) -> None:
        identity = identity_of(message.get("id"))
        if message.get("method") == "notifications/cancelled":
            cancelled = request_key(mapping(message.get("params")).get("requestId"))
            if cancelled is None:
                said = "Bad Request: requestId is not the id of a request"
                await _refusal(400, said)(scope, receive, send)
            else:
                await _from_store(self.store.cancel(session.session_id, cancelled))
                await Response(status_code=202)(scope, receive, send)
        elif identity is None or request_key(identity) is None:
            await self.app(scope, receive, send)
        else:
            await self._call(scope, receive, send, session.session_id, identity)

    async def _call(
        self, scope: Scope, receive: Receive, send: Send, session_id: str, identity: str | int
    ) -> None:
        """Run a call until it answers, or until its cancellation is found in the store."""
        answer = _Answer(send)
        call = anyio.CancelScope()
        key = request_key(identity)

        async def watch() -> None:
            while True:
                await anyio.sleep(CANCELLED_EVERY_SECONDS)
                # Else the call goes on, and the next look may succeed.
                with contextlib.suppress(UnreachableError):
                    if key in await _from_store(self.store.cancelled(session_id)):
                        call.cancel()

        async with anyio.create_task_group() as tasks:
            tasks.start_soon(watch)
            with call:
                await self.app(scope, receive, answer.send)
            tasks.cancel_scope.cancel()
        if call.cancelled_caught:
            await answer.end_cancelled(identity)


class _Answer:
    """Watches an answer on its way out, to end it as the SDK ends one in its own sessions."""

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
        """Say that the request was cancelled, unless all is said."""
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
    """A body that was read, to be read again; the client is then there until it is answered.

    The legacy revisions say that a broken connection is no cancellation.
    """
    unread = [body]

    async def receive() -> Message:
        if unread:
            return {"type": "http.request", "body": unread.pop(), "more_body": False}
        await anyio.sleep_forever()
        raise AssertionError

    return receive


def _speaking(scope: Scope, session: Session) -> Scope:
    """`scope`, saying the version that was agreed on, as the SDK's own sessions remember it."""
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
    """What the store says; raises `UnreachableError` for whatever a cloud's library raises."""
    try:
        return await asked
    except Exception as error:
        event("sessions_unreachable", logging.WARNING, failure=type(error).__name__)
        raise UnreachableError from error


def _unreachable() -> JSONResponse:
    return _refusal(503, "Sessions cannot be reached; try again", **{"retry-after": "2"})


def _refusal(status: int, message: str, **headers: str) -> JSONResponse:
    error = {"code": INVALID_REQUEST if status < 500 else INTERNAL_ERROR, "message": message}
    return JSONResponse({"jsonrpc": "2.0", "id": None, "error": error}, status, headers)
