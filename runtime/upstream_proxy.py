"""Reverse proxy for a program on this machine; its answers are forwarded as they arrive."""

from __future__ import annotations

import asyncio
import json
import secrets
from collections.abc import AsyncIterable, Awaitable, Callable
from dataclasses import dataclass
from typing import Any, cast

import anyio
import httpx2
from mcp_types import INTERNAL_ERROR
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.types import Message, Receive, Scope, Send

from .drain import Drain
from .exchange import exchange_of
from .logs import event
from .message_rates import too_many
from .principals import principal_of
from .request_filters import json_object
from .time_limits import EndedError, within_time
from .upstream_config import UpstreamSection
from .upstream_headers import answered, passed_on
from .upstream_sessions import ForeignSessionError, SealedSessions, no_session
from .user_quotas import RETRY_SECONDS, OpenStreams, QuotaError

ADDRESSES = ("127.0.0.1", "[::1]")
"""A program that listens on localhost may have either address."""
CONNECT_SECONDS = 3.0
SEND_SECONDS = 30.0
METHODS = ("GET", "POST", "DELETE")
LONGEST_WORD = 64
BETWEEN_EVENTS = (b"\n\n", b"\r\r", b"\r\n\r\n")
# A call has a deadline already, so reading has no timeout.
_TIMEOUTS = {"connect": CONNECT_SECONDS, "read": None, "write": SEND_SECONDS, "pool": None}


class NoAnswerError(Exception):
    """The program gave no answer, or an incomplete one; the message is sent to the client."""


@dataclass(frozen=True)
class Asked:
    """What a JSON-RPC message asks for.

    Attributes:
        identity: the JSON-RPC id, which an error in place of the answer needs.
        standing: whether its answer is a stream without an end of its own.
        session: the program's id of the session it belongs to.
    """

    method: str | None
    identity: str | int | None
    standing: bool
    session: bytes | None

    @classmethod
    def of(cls, http_method: str, body: bytes, session: bytes | None) -> Asked:
        """Read the message in the body of a request."""
        message = json_object(body)
        method, identity = message.get("method"), message.get("id")
        return cls(
            method if isinstance(method, str) else None,
            identity if isinstance(identity, str | int) else None,
            http_method == "GET" or method == "subscriptions/listen",
            session,
        )


class UpstreamProxy:
    """ASGI application for `/mcp`, behind the checks of tokens and limits.

    A request is sent once, when its body is complete. It ends when its client disconnects, after
    the longest call, and in a drain. Connections are not reused, because programs close idle ones:
    a call that is sent at that moment would be lost.
    """

    def __init__(
        self, section: UpstreamSection, drain: Drain, longest: float, streams: OpenStreams
    ) -> None:
        self.section = section
        self.drain = drain
        self.longest = longest
        self.streams = streams
        self.sessions = SealedSessions(secrets.token_bytes(32))
        self.transport = httpx2.AsyncHTTPTransport(
            trust_env=False,
            limits=httpx2.Limits(max_connections=None, max_keepalive_connections=0),
        )
        drain.on_standing_end.append(self._end_standing)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        method: str = scope["method"]
        if method not in METHODS:
            await Response(status_code=405, headers={"allow": ", ".join(METHODS)})(
                scope, receive, send
            )
            return
        try:
            session = self.sessions.of_program(scope)
        except ForeignSessionError:
            await no_session()(scope, receive, send)
            return
        body = await Request(scope, receive).body()
        asked = Asked.of(method, body, session)
        # A GET is counted before: only its method is needed for that.
        user = principal_of(scope) if asked.standing and method == "POST" else None
        try:
            with self.streams.one_more(user):
                await self._pass(scope, receive, send, body, asked)
        except QuotaError as full:
            await too_many(str(full), RETRY_SECONDS)(scope, receive, send)

    async def _pass(
        self, scope: Scope, receive: Receive, send: Send, body: bytes, asked: Asked
    ) -> None:
        passing = _Passing(self, scope, body, asked, send)
        async with anyio.create_task_group() as tasks:

            async def answer() -> None:
                await passing.run()
                tasks.cancel_scope.cancel()

            tasks.start_soon(answer)
            await self._left(scope, receive, asked)
            tasks.cancel_scope.cancel()

    async def open(self, method: str, path: str, headers: Any, body: bytes) -> httpx2.Response:
        """Send a request; raises `NoAnswerError` if no answer begins."""
        timeouts: Any = {"timeout": _TIMEOUTS}
        failure = "no address"
        for address in ADDRESSES:
            request = httpx2.Request(
                method,
                f"http://{address}:{self.section.port}{path}",
                headers=headers,
                content=body,
                extensions=timeouts,
            )
            try:
                return await self.transport.handle_async_request(request)
            except (httpx2.ConnectError, httpx2.ConnectTimeout) as error:
                failure = type(error).__name__
            except (httpx2.TransportError, OSError) as error:
                failure = type(error).__name__
                break
        event("upstream_failed", failure=failure)
        raise NoAnswerError("The server accepts no connection, or has closed it without an answer.")

    async def check(self) -> None:
        """Raise unless the program is ready: by `upstream.health`, else by a TCP connection."""
        path = self.section.health
        if path is not None:
            response = await self.open("GET", path, {"host": "localhost"}, b"")
            await response.aclose()
            if response.status_code >= 400:
                raise NoAnswerError(f"{path} answered {response.status_code}")
            return
        for address in ADDRESSES:
            try:
                stream = await anyio.connect_tcp(address.strip("[]"), self.section.port)
            except OSError:
                continue
            await stream.aclose()
            return
        raise NoAnswerError("the program accepts no connection")

    async def _left(self, scope: Scope, receive: Receive, asked: Asked) -> None:
        """Wait until the client disconnects, or a standing stream must end."""
        exchange = exchange_of(scope)
        if exchange is None:
            await _disconnected(receive)
            return
        exchange.rpc_method = asked.method and asked.method[:LONGEST_WORD]
        exchange.standing = asked.standing
        age: asyncio.TimerHandle | None = None
        if asked.standing:
            age = asyncio.get_running_loop().call_later(self.longest, exchange.hangup.set)
        try:
            async with anyio.create_task_group() as tasks:

                async def ended(wait: Callable[[], Awaitable[object]]) -> None:
                    await wait()
                    tasks.cancel_scope.cancel()

                tasks.start_soon(ended, exchange.hangup.wait)
                tasks.start_soon(ended, lambda: _disconnected(receive))
        finally:
            if age is not None:
                age.cancel()

    def _end_standing(self) -> None:
        for exchange in self.drain.exchanges:
            if exchange.standing:
                exchange.hangup.set()


class _Passing:
    """One request to the program and its answer."""

    def __init__(
        self, proxy: UpstreamProxy, scope: Scope, body: bytes, asked: Asked, send: Send
    ) -> None:
        self.proxy = proxy
        self.scope = scope
        self.body = body
        self.asked = asked
        self.send = send
        self.events: bool | None = None
        """Whether the answer is an event stream; None before it begins."""
        self.last = b""
        """The last bytes of the answer."""

    async def run(self) -> None:
        """Answer the client."""
        proxy = self.proxy
        try:
            if self.asked.standing:
                await self._answer()
            else:
                await within_time(proxy.drain, proxy.longest, self._answer)
        except EndedError as ended:
            await self._fail(504, str(ended))
        except NoAnswerError as failed:
            await self._fail(502, str(failed))

    async def _answer(self) -> None:
        section = self.proxy.section
        query = self.scope.get("query_string", b"").decode("latin-1")
        headers = passed_on(self.scope, self.asked.session, forward_token=section.forward_token)
        path = f"{section.path}?{query}" if query else section.path
        response = await self.proxy.open(self.scope["method"], path, headers, self.body)
        try:
            if not 200 <= response.status_code < 600:
                event("upstream_failed", failure=f"status {response.status_code}")
                raise NoAnswerError(
                    "The server has answered with a status that HTTP does not have."
                )
            if 300 <= response.status_code < 400:
                event("upstream_failed", failure=f"redirect {response.status_code}")
                raise NoAnswerError(
                    "The server answers with a redirect: its `path` is not where it serves MCP."
                )
            kind = response.headers.get("content-type", "")
            self.events = kind.lower().startswith("text/event-stream")
            start: Message = {
                "type": "http.response.start",
                "status": response.status_code,
                "headers": answered(response.headers.raw, self._session),
            }
            await self.send(start)
            try:
                async for part in cast("AsyncIterable[bytes]", response.stream):
                    await self._write(part, more=True)
            except (httpx2.TransportError, OSError) as error:
                event("upstream_failed", failure=type(error).__name__)
                raise NoAnswerError("The server has closed the answer before its end.") from None
            await self._write(b"", more=False)
        finally:
            with anyio.CancelScope(shield=True):
                await response.aclose()

    def _session(self, session_id: bytes) -> bytes:
        return self.proxy.sessions.sealed(session_id, principal_of(self.scope))

    async def _fail(self, status: int, message: str) -> None:
        """Answer with an error, as the last event of a stream that has begun.

        An answer that ends within an event or a body stays incomplete, which its client sees.
        """
        error = {"code": INTERNAL_ERROR, "message": message}
        said = {"jsonrpc": "2.0", "id": self.asked.identity, "error": error}
        if self.events is None:
            await JSONResponse(said, status)(self.scope, _nothing, self.send)
        elif self.events and (not self.last or self.last.endswith(BETWEEN_EVENTS)):
            last = f"event: message\r\ndata: {json.dumps(said)}\r\n\r\n".encode()
            await self._write(b"" if self.asked.identity is None else last, more=False)

    async def _write(self, part: bytes, *, more: bool) -> None:
        self.last = (self.last + part)[-4:]
        await self.send({"type": "http.response.body", "body": part, "more_body": more})


async def _disconnected(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


async def _nothing() -> Message:
    return {"type": "http.disconnect"}
