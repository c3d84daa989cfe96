"""A legacy session: passes every message between a client and its own process of the program."""

from __future__ import annotations

import asyncio
import contextlib
import time
import uuid
from dataclasses import dataclass, field
from typing import Any

import anyio
from mcp import MCPError
from mcp.server.streamable_http import StreamableHTTPServerTransport
from mcp.shared.message import ServerMessageMetadata, SessionMessage
from mcp_types import (
    JSONRPCError,
    JSONRPCNotification,
    JSONRPCRequest,
    JSONRPCResponse,
)
from mcp_types.version import HANDSHAKE_PROTOCOL_VERSIONS
from starlette.requests import Request
from starlette.types import Message, Receive, Scope, Send

from ..drain import Call
from ..logs import event
from ..memory_sessions import RELEASE
from ..metrics import OTHER
from .calls import CallLimits, new_call
from .conversation import Conversation, Params
from .observed import Observed
from .options import BridgeOptions
from .program_log import ProgramLog
from .session_program import SessionProgram

NO_STREAM = "it has no open stream and no open request"
MOST_QUESTIONS = 1000


@dataclass(kw_only=True, eq=False)
class Session:
    """A session, its transport to the client and its program.

    Attributes:
        owner: the user who opened it, as the gateway names them.
        opened: the program has accepted `initialize`.
        version: the revision of MCP that they have agreed on.
        began: time at which the session was opened.
        streams: open GET streams of the client: none or one.
        calls: unanswered requests of the client, by their id, oldest first.
        questions: unanswered requests of the program to the client, by their id on the wire.
    """

    key: str
    owner: str | None
    transport: StreamableHTTPServerTransport
    command: tuple[str, ...]
    options: BridgeOptions
    log: ProgramLog
    limits: CallLimits
    observed: Observed
    opened: bool = False
    version: str = OTHER
    began: float = field(default_factory=time.perf_counter)
    streams: int = 0
    calls: dict[str | int, Call] = field(default_factory=dict[str | int, Call])
    questions: dict[str, tuple[Conversation, Any]] = field(
        default_factory=dict[str, tuple[Conversation, Any]]
    )
    tasks: set[asyncio.Task[None]] = field(default_factory=set[asyncio.Task[None]])

    def __post_init__(self) -> None:
        self.program = SessionProgram(self.command, self.options, self.log, self)
        self.write: Any = None

    async def start(self) -> None:
        """Start the program; raises `ProgramError`."""
        await self.program.start()

    async def run(self, task_status: Any) -> None:
        """Pass messages on until the client ends the session, it is idle or this is cancelled."""
        try:
            async with self.transport.connect() as (read, write):
                self.write = write
                task_status.started()
                idle = self.transport.idle_scope or anyio.CancelScope()
                with idle, contextlib.suppress(anyio.ClosedResourceError):  # by a DELETE
                    async for item in read:
                        if isinstance(item, SessionMessage):
                            await self._from_client(item)
                if idle.cancelled_caught:
                    event("session_idle", seconds=self.options.idle_seconds)
        finally:
            if self.opened:
                seconds = time.perf_counter() - self.began
                self.observed.metrics.session_ended(self.version, seconds)
            with anyio.CancelScope(shield=True):
                for task in list(self.tasks):
                    task.cancel()
                if not self.transport.is_terminated:
                    await self.transport.terminate()
                await self.program.stop()

    async def handle(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle an HTTP request of the session."""
        streaming = False

        async def watched(part: Message) -> None:
            nonlocal streaming
            if part["type"] == "http.response.start" and scope["method"] == "GET":
                streaming = part["status"] == 200
                self.streams += streaming
            await send(part)

        try:
            await self.transport.handle_request(scope, receive, watched)
        finally:
            self.streams -= streaming

    async def _from_client(self, item: SessionMessage) -> None:
        message = item.message
        request: Request | None = getattr(item.metadata, "request_context", None)
        if isinstance(message, JSONRPCRequest):
            self._request(message, request)
        elif isinstance(message, JSONRPCNotification):
            params = message.params
            if message.method == "notifications/cancelled":
                call = self.calls.get((params or {}).get("requestId", ""))
                if call is not None:
                    call.scope.cancel()
            else:
                await self.program.notify(message.method, params)
        else:
            self._reply(message)

    def _request(self, message: JSONRPCRequest, request: Request | None) -> None:
        call = new_call()
        self.calls[message.id] = call
        work = self.limits.run(call, self._asked(message))
        answer = self.observed.request(request, message.method, message.params, work)
        task = asyncio.create_task(self._answer(message, request, answer))
        self.tasks.add(task)
        task.add_done_callback(self.tasks.discard)

    async def _asked(self, message: JSONRPCRequest) -> Params:
        async def relay(method: str, params: Params) -> None:
            await self._send(
                JSONRPCNotification(jsonrpc="2.0", method=method, params=params),
                ServerMessageMetadata(related_request_id=message.id),
            )

        result = await self.program.request(message.method, message.params or {}, relay)
        if message.method == "initialize":
            self.opened = True
            agreed = result.get("protocolVersion")
            self.version = agreed if agreed in HANDSHAKE_PROTOCOL_VERSIONS else OTHER
        return result

    async def _answer(self, message: JSONRPCRequest, request: Request | None, work: Any) -> None:
        try:
            result = await work
            answer = JSONRPCResponse(jsonrpc="2.0", id=message.id, result=result)
        except MCPError as error:
            answer = JSONRPCError(jsonrpc="2.0", id=message.id, error=error.error)
        finally:
            self.calls.pop(message.id, None)
            release = request.scope.get(RELEASE) if request is not None else None
            if release is not None:
                release()
        await self._send(answer)

    def _reply(self, message: JSONRPCResponse | JSONRPCError) -> None:
        """Pass the client's answer on to the process that asked."""
        conversation, number = self.questions.pop(str(message.id), (None, None))
        if conversation is None:
            return
        content = message.model_dump(by_alias=True, mode="json", exclude_unset=True)
        conversation.reply(number, **{k: content[k] for k in ("result", "error") if k in content})

    async def notified(self, conversation: Conversation, method: str, params: Params) -> None:
        """Pass a notification of the program on, if the client has a stream for it."""
        if method == "notifications/cancelled":
            params = {**params, "requestId": self._question(conversation, params.get("requestId"))}
        if (place := self._place()) is not None:
            await self._send(
                JSONRPCNotification(jsonrpc="2.0", method=method, params=params or None), place
            )

    async def asked(
        self, conversation: Conversation, number: Any, method: str, params: Params
    ) -> None:
        """Pass a request of the program on, or refuse it if the client has no stream."""
        place = self._place()
        if place is None:
            conversation.refuse(number, method, NO_STREAM)
            return
        if len(self.questions) >= MOST_QUESTIONS:
            conversation.refuse(number, method, "it has not answered the requests before")
            return
        key = f"question-{uuid.uuid4().hex}"
        self.questions[key] = (conversation, number)
        await self._send(JSONRPCRequest(jsonrpc="2.0", id=key, method=method, params=params), place)

    def _question(self, conversation: Conversation, number: Any) -> str:
        asked = (k for k, q in self.questions.items() if q == (conversation, number))
        return next(asked, "unknown")

    def _place(self) -> ServerMessageMetadata | None:
        """The stream of the client for what names no request: its GET stream, else a request's."""
        if self.streams:
            return ServerMessageMetadata()
        if self.calls:
            return ServerMessageMetadata(related_request_id=list(self.calls)[-1])
        return None

    async def _send(
        self,
        message: JSONRPCResponse | JSONRPCError | JSONRPCNotification | JSONRPCRequest,
        place: ServerMessageMetadata | None = None,
    ) -> None:
        try:
            await self.write.send(SessionMessage(message, metadata=place))
        except (anyio.ClosedResourceError, anyio.BrokenResourceError):
            return  # the session has ended
