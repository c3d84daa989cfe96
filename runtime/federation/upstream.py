"""One other server: sends requests to it in the era that it speaks."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, cast

import anyio
import httpx2
from mcp.shared.exceptions import MCPError
from mcp.shared.inbound import (
    MCP_METHOD_HEADER,
    MCP_NAME_HEADER,
    NAME_BEARING_METHODS,
    encode_header_value,
)
from mcp_types import (
    CLIENT_CAPABILITIES_META_KEY,
    CLIENT_INFO_META_KEY,
    HEADER_MISMATCH,
    INTERNAL_ERROR,
    LOG_LEVEL_META_KEY,
    METHOD_NOT_FOUND,
    PARSE_ERROR,
    PROTOCOL_VERSION_META_KEY,
    UNSUPPORTED_PROTOCOL_VERSION,
)
from mcp_types.version import LATEST_MODERN_VERSION, MODERN_PROTOCOL_VERSIONS
from opentelemetry.propagate import inject

from .. import __version__
from ..error_types import NONE, TOOL_ERROR, error_type
from ..logs import event
from ..tool_servers_config import ToolServerSection
from ..tracing import failed, upstream_span
from .answers import Message
from .callers import Caller
from .client_metrics import ClientMetrics
from .connections import Connections, Reply
from .failures import (
    CallerRefusedError,
    CircuitBreaker,
    InvalidAnswerError,
    NoAnswerError,
    UnreachableError,
)
from .legacy_sessions import VERSION, LegacySessions, Session, request

NOTICE_SECONDS = 2.0
"""For a message about a request that is over: its cancellation, or the end of its session."""
PROGRESS_TOKEN = 1
_LEGACY_PARAMS = frozenset({"name", "arguments", "uri", "cursor", "ref", "argument", "context"})
_OF_ONE_CONNECTION = frozenset(
    {HEADER_MISMATCH, METHOD_NOT_FOUND, PARSE_ERROR, UNSUPPORTED_PROTOCOL_VERSION}
)
"""Errors about the request that this server has made, which the caller's client would take for
errors about its own."""

Notify = Callable[[str, Mapping[str, Any]], Awaitable[None]]


@dataclass(frozen=True)
class Asked:
    """A request for a caller.

    Attributes:
        notify: gets progress and log messages that belong to the request.
        headers: more headers, for a modern server.
    """

    method: str
    params: Mapping[str, Any]
    caller: Caller
    notify: Notify | None = None
    headers: Mapping[str, str] = field(default_factory=dict[str, str])


class StaleSchemaError(Exception):
    """The request lacks headers that the tool's current input schema asks for."""


class Upstream:
    """One other server.

    Attributes:
        answered: whether its last request was answered; None before the first.
        era: what it speaks; None: not known yet.
    """

    def __init__(self, section: ToolServerSection, own_name: str, metrics: ClientMetrics) -> None:
        self.section = section
        self.metrics = metrics
        self.name = section.name
        self.own_name = own_name
        self.host = httpx2.URL(section.url).host
        self.connections = Connections(section)
        self.sessions = LegacySessions(self.connections, own_name)
        self.breaker = CircuitBreaker(section.name)
        self.answered: bool | None = None
        self.era: Literal["modern", "legacy"] | None = (
            None if section.era == "dual" else section.era
        )
        self._asking = anyio.Lock()
        self._notices: set[asyncio.Task[None]] = set()

    async def send(self, asked: Asked) -> dict[str, Any]:
        """Send a request and return its result.

        Raises:
            MCPError: the server answers with an error.
            NoAnswerError: it gives no valid answer, or is not asked because it gave none before.
            StaleSchemaError: it wants other headers.
        """
        tool = asked.params.get("name") if self.answered else None
        with upstream_span(asked.method, self.name, self.host, tool) as made:
            self.breaker.admit()
            began, kind = time.perf_counter(), NONE
            try:
                result = await self._send(asked)
                if result.get("isError") is True:
                    kind = TOOL_ERROR
                return result
            except BaseException as error:
                kind = _error_type(error)
                raise
            finally:
                if kind:
                    failed(made, kind)
                seconds = time.perf_counter() - began
                self.metrics.observe(asked.method, tool, kind, self.host, seconds)

    async def _send(self, asked: Asked) -> dict[str, Any]:
        sent = asked.caller.headers_for(self.own_name, send_user=self.section.send_user)
        try:
            if await self._era(asked.caller, sent) == "modern":
                reply = await self._modern(asked, sent)
            else:
                reply = await self._legacy(asked, sent)
            result = self._result(reply)
        except UnreachableError as unreachable:
            self.breaker.failed()
            if self.section.era == "dual":
                self.era = None  # what answers next may be another version of it
            self._note(answers=False, failure=unreachable.failure)
            raise
        except (MCPError, InvalidAnswerError, CallerRefusedError, StaleSchemaError):
            self.breaker.answered()
            self._note(answers=True)
            raise
        self.breaker.answered()
        self._note(answers=True)
        return result

    def timed_out(self) -> None:
        """Note that a list was not answered in time."""
        self.breaker.failed()
        self._note(answers=False, failure="TimeoutError")

    async def aclose(self) -> None:
        """End all sessions and close all connections."""
        for session in self.sessions.open.values():
            self._tell(self.sessions.end(session))
        if self._notices:
            await asyncio.wait(self._notices, timeout=NOTICE_SECONDS)
        await self.connections.pool.aclose()

    async def _era(self, caller: Caller, headers: Mapping[str, str]) -> str:
        if self.era is not None:
            return self.era
        async with self._asking:
            if self.era is None:
                reply = await self._modern(Asked("server/discover", {}, caller), headers)
                if reply.message is None and reply.status in (401, 403, 429, 502, 503, 504):
                    self._result(reply)  # says nothing about the era
                self.era = "modern" if _is_modern(reply.message or {}) else "legacy"
            return self.era

    async def _modern(self, asked: Asked, headers: Mapping[str, str]) -> Reply:
        caller, notify = asked.caller, asked.notify
        meta = caller.passed_meta(modern=True)
        inject(meta)  # the current span, where the process records spans
        meta[PROTOCOL_VERSION_META_KEY] = LATEST_MODERN_VERSION
        meta.setdefault(CLIENT_CAPABILITIES_META_KEY, {})
        meta.setdefault(CLIENT_INFO_META_KEY, {"name": self.own_name, "version": __version__})
        if notify is not None:
            if caller.version not in MODERN_PROTOCOL_VERSIONS:
                meta[LOG_LEVEL_META_KEY] = "info"  # a legacy client gets messages without asking
            if caller.progress_token is not None:
                meta["progressToken"] = PROGRESS_TOKEN
        stamped = {**headers, **asked.headers, VERSION: LATEST_MODERN_VERSION}
        stamped[MCP_METHOD_HEADER] = asked.method
        key = NAME_BEARING_METHODS.get(asked.method)
        if key is not None and isinstance(name := asked.params.get(key), str):
            stamped[MCP_NAME_HEADER] = encode_header_value(name)

        async def other(message: Message) -> None:
            await _notified(message, PROGRESS_TOKEN, notify)

        return await self.connections.post(
            request(asked.method, {**asked.params, "_meta": meta}, PROGRESS_TOKEN), stamped, other
        )

    async def _legacy(self, asked: Asked, headers: Mapping[str, str]) -> Reply:
        for gone in self.sessions.removed():
            self._tell(self.sessions.end(gone))
        session, kept = await self.sessions.of(asked.caller, headers)
        reply = await self._in_session(session, asked, headers)
        # 404 by the specification; servers after the SDKs' examples answer 400.
        if kept and session.id is not None and reply.status in (400, 404):
            self.sessions.forget(asked.caller, session)
            session, _ = await self.sessions.of(asked.caller, headers)
            reply = await self._in_session(session, asked, headers)
        return reply

    async def _in_session(
        self, session: Session, asked: Asked, headers: Mapping[str, str]
    ) -> Reply:
        number = next(session.numbers)
        stamped = session.stamped(headers)
        notify = asked.notify
        meta = asked.caller.passed_meta(modern=False)
        inject(meta)
        if notify is not None and asked.caller.progress_token is not None:
            meta["progressToken"] = number
        params = {key: value for key, value in asked.params.items() if key in _LEGACY_PARAMS}
        if meta:
            params["_meta"] = meta

        async def other(message: Message) -> None:
            if "id" in message:
                await self.connections.post(_refusal(message), stamped)
            else:
                await _notified(message, number, notify)

        session.running += 1
        try:
            return await self.connections.post(
                request(asked.method, params, number), stamped, other
            )
        except asyncio.CancelledError:
            cancelled: Message = {
                "jsonrpc": "2.0",
                "method": "notifications/cancelled",
                "params": {"requestId": number},
            }
            self._tell(self.connections.post(cancelled, stamped))
            raise
        except UnreachableError:
            self.sessions.forget(asked.caller, session)
            raise
        finally:
            session.running -= 1

    def _result(self, reply: Reply) -> dict[str, Any]:
        message = reply.message or {}
        match message:
            case {"result": {**result}}:
                return cast("dict[str, Any]", result)
            case {"error": {"code": int(code), "message": str(text), **rest}}:
                if code == HEADER_MISMATCH:
                    raise StaleSchemaError
                if reply.status == 400 and self.section.era == "dual":
                    self.era = None  # perhaps it speaks another era since its last start
                code = INTERNAL_ERROR if code in _OF_ONE_CONNECTION else code
                raise MCPError(code, text, rest.get("data"))
            case _:
                pass
        if reply.status in (401, 403, 429):
            raise CallerRefusedError(self.name, reply.status)
        if reply.status >= 500:
            raise UnreachableError(self.name, f"HTTP {reply.status}")
        raise InvalidAnswerError(self.name, f"HTTP {reply.status} without a JSON-RPC message")

    def _note(self, *, answers: bool, failure: str | None = None) -> None:
        if self.answered is answers:
            return
        self.answered = answers
        event("tool_server", server=self.name, answered=answers, failure=failure)

    def _tell(self, notice: Coroutine[Any, Any, object]) -> None:
        """Send a message whose answer nobody waits for."""

        async def tell() -> None:
            with anyio.move_on_after(NOTICE_SECONDS):
                try:
                    await notice
                except Exception as error:
                    event("tool_server_failed", server=self.name, failure=type(error).__name__)

        task = asyncio.get_running_loop().create_task(tell())
        self._notices.add(task)
        task.add_done_callback(self._notices.discard)


def _error_type(error: BaseException) -> str:
    """The `error.type` of a request: the name of the failure, if the server gave no answer."""
    if isinstance(error, NoAnswerError | StaleSchemaError):
        return type(error).__name__
    return error_type(error)


def _is_modern(discovered: Message) -> bool:
    match discovered:
        case {"result": {"supportedVersions": [*versions]}}:
            return any(version in MODERN_PROTOCOL_VERSIONS for version in versions)
        case _:
            return False


async def _notified(message: Message, token: int, notify: Notify | None) -> None:
    """Pass on a notification that belongs to the request; drop others."""
    method, params = message.get("method"), message.get("params")
    if notify is None or not isinstance(method, str) or not isinstance(params, dict):
        return
    known = cast("dict[str, Any]", params)
    if method == "notifications/progress" and known.get("progressToken") != token:
        return
    await notify(method, known)


def _refusal(message: Message) -> Message:
    """The answer to a request of the server: only `ping` is supported."""
    answer: Message = {"jsonrpc": "2.0", "id": message["id"]}
    if message["method"] == "ping":
        return {**answer, "result": {}}
    return {**answer, "error": {"code": METHOD_NOT_FOUND, "message": "Not supported"}}
