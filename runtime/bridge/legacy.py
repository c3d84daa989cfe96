"""Serves the MCP revisions with sessions: each session has a process of the program."""

from __future__ import annotations

import json
import logging
import uuid
from collections import Counter
from collections.abc import Mapping
from typing import Any

from anyio.abc import TaskGroup
from mcp.server.streamable_http import MCP_SESSION_ID_HEADER, StreamableHTTPServerTransport
from mcp_types import INTERNAL_ERROR, INVALID_REQUEST
from starlette.datastructures import Headers
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from ..drain import Drain
from ..logs import event, log
from ..request_filters import object_or_empty
from .calls import CallLimits
from .observed import Observed
from .options import BridgeOptions
from .process import ProgramError
from .program_log import ProgramLog
from .session import Session

USER_HEADER = "x-user"
"""The gateway sets it, and removes a client's own."""
RETRY_AFTER_SECONDS = 5


class LegacySessions:
    """ASGI application for the legacy era.

    Attributes:
        sessions: by session id.
        owners: by user, how many sessions are open.
        tasks: runs the sessions; the lifespan of the application sets it.
    """

    tasks: TaskGroup

    def __init__(
        self,
        command: tuple[str, ...],
        options: BridgeOptions,
        program_log: ProgramLog,
        limits: CallLimits,
        observed: Observed,
    ) -> None:
        self.command = command
        self.options = options
        self.program_log = program_log
        self.limits = limits
        self.observed = observed
        self.sessions: dict[str, Session] = {}
        self.owners: Counter[str] = Counter()
        self.children = 0

    @property
    def drain(self) -> Drain:
        """The drain of the process."""
        return self.limits.drain

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        headers = Headers(scope=scope)
        user, key = headers.get(USER_HEADER), headers.get(MCP_SESSION_ID_HEADER)
        if key is None:
            await self._open(user, scope, receive, send)
            return
        session = self.sessions.get(key)
        if session is None or session.owner != user:
            await _refusal(404, INVALID_REQUEST, "Session not found")(scope, receive, send)
            return
        await session.handle(scope, receive, send)
        if session.transport.is_terminated:
            self.sessions.pop(key, None)

    async def _open(self, user: str | None, scope: Scope, receive: Receive, send: Send) -> None:
        body = await Request(scope, receive).body()
        message = _parsed(body)
        number = message.get("id")
        answer: ASGIApp | None = None
        if message.get("method") != "initialize":
            answer = _refusal(400, INVALID_REQUEST, "Bad Request: Missing session ID", number)
        elif (why := self._full(user)) is not None:
            event("session_refused", logging.WARNING, reason=why)
            answer = _refusal(503, INTERNAL_ERROR, why, number)
        if answer is not None:
            await answer(scope, receive, send)
            return
        session = self._new(user)
        started = False
        try:
            await session.start()
            started = True
        except ProgramError as error:
            said = f"The session has no program: {error}"
            await _refusal(503, INTERNAL_ERROR, said, number)(scope, receive, send)
            return
        finally:
            if not started:
                self._ended(session)
        self.sessions[session.key] = session
        await self.tasks.start(self._run, session)
        try:
            await session.handle(scope, _again(body, receive), send)
        finally:
            if not session.opened:
                self.sessions.pop(session.key, None)
                await session.transport.terminate()

    def _new(self, user: str | None) -> Session:
        key = uuid.uuid4().hex
        transport = StreamableHTTPServerTransport(key, idle_timeout=self.options.idle_seconds)
        if user is not None:
            self.owners[user] += 1
        self.children += 1
        return Session(
            key=key,
            owner=user,
            transport=transport,
            command=self.command,
            options=self.options,
            log=self.program_log,
            limits=self.limits,
            observed=self.observed,
        )

    async def _run(self, session: Session, *, task_status: Any) -> None:
        try:
            await session.run(task_status)
        except Exception:  # of one session: the others go on
            log.exception("session_failed")
        finally:
            self.sessions.pop(session.key, None)
            self._ended(session)

    def _ended(self, session: Session) -> None:
        self.children -= 1
        if session.owner is not None:
            self.owners[session.owner] -= 1
            if not self.owners[session.owner]:
                del self.owners[session.owner]

    def _full(self, user: str | None) -> str | None:
        """Why no session can be opened now; None if one can."""
        options = self.options
        if self.drain.draining:
            return "The server is stopping: open a session with another one"
        room = options.max_children - options.shared_children
        if self.children >= room:
            return (
                f"All {room} sessions that this server can have are open "
                f"(--max-children {options.max_children}): try again later"
            )
        if user is not None and self.owners[user] >= options.sessions_per_user:
            return (
                f"You have {self.owners[user]} open sessions, as many as allowed "
                "(--sessions-per-user): end one of them"
            )
        return None


def _refusal(status: int, code: int, why: str, number: object = None) -> JSONResponse:
    known = number if isinstance(number, str | int) else None
    error = {"jsonrpc": "2.0", "id": known, "error": {"code": code, "message": why}}
    headers = {"retry-after": str(RETRY_AFTER_SECONDS)} if status == 503 else {}
    return JSONResponse(error, status, headers)


def _parsed(body: bytes) -> Mapping[str, Any]:
    try:
        return object_or_empty(json.loads(body))
    except (ValueError, RecursionError):
        return {}


def _again(body: bytes, receive: Receive) -> Receive:
    unread = [body]

    async def again() -> Message:
        if unread:
            return {"type": "http.request", "body": unread.pop(), "more_body": False}
        return await receive()

    return again
