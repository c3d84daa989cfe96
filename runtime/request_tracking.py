"""The outermost ASGI middleware: counts and logs each request and registers it for the drain."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from http import HTTPStatus

import anyio
from starlette.datastructures import MutableHeaders
from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from .audit import Audit
from .drain import Drain
from .exchange import Exchange, current
from .logs import event
from .metrics import Metrics
from .tracing import begin_request, current_request, end_request, is_traced

QUIET_ROUTES = frozenset({"/health", "/ready"})
ROUTES = QUIET_ROUTES | {
    "/mcp",
    "/ws",
    "/authorize",
    "/.well-known/oauth-protected-resource",
    "/.well-known/oauth-protected-resource/mcp",
}
METHODS = frozenset({"GET", "POST", "DELETE", "HEAD", "OPTIONS", "PUT", "PATCH"})


class RequestTracking:
    """ASGI middleware that counts and logs each request and registers it for the drain.

    It closes a legacy GET stream when it is as old as the longest call may take, as
    `Subscriptions` does for streams of the modern era.
    """

    def __init__(
        self,
        app: ASGIApp,
        metrics: Metrics,
        drain: Drain,
        longest: float,
        *,
        proxies: int,
        audit: Audit | None = None,
    ) -> None:
        self.app = app
        self.audit = audit
        self.proxies = proxies
        self.metrics = metrics
        self.drain = drain
        self.longest = longest

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "websocket":
            await self._handshake(scope, receive, send)
            return
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        exchange = Exchange.opened(scope, self.proxies)
        exchange.standing = exchange.path == "/mcp" and exchange.method == "GET"
        age: asyncio.TimerHandle | None = None
        if exchange.standing:
            receive = _until_hangup(receive, exchange)
            age = asyncio.get_running_loop().call_later(self.longest, exchange.hangup.set)
        response = _Response(self, exchange, send)
        self.drain.exchanges.add(exchange)
        try:
            with contextlib.suppress(ClientDisconnect):  # before its request was complete
                if is_traced(scope, exchange.path):
                    with current_request(begin_request(exchange, exchange.path)):
                        await self.app(scope, receive, response.send)
                else:
                    await self.app(scope, receive, response.send)
                await response.complete()
        finally:
            if age is not None:
                age.cancel()
            self.drain.exchanges.discard(exchange)
            response.record()
            current.set(None)

    async def _handshake(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a WebSocket on; one that is not accepted is logged and counted as a request."""
        response = _Response(self, Exchange.opened(scope, self.proxies), send)
        accepted = False

        async def watching(message: Message) -> None:
            nonlocal accepted
            match message["type"]:
                case "websocket.accept":
                    accepted = True
                case "websocket.http.response.start":
                    response.status = message["status"]
                case "websocket.close" if not accepted:
                    response.status = 403
                case _:
                    pass
            await send(message)

        try:
            await self.app(scope, receive, watching)
        finally:
            if not accepted:
                response.record()
            current.set(None)


class _Response:
    """Forwards one response and records its status, its length in time and its streams."""

    def __init__(self, tracking: RequestTracking, exchange: Exchange, send: Send) -> None:
        self.tracking = tracking
        self.exchange = exchange
        self.wire = send
        self.status: int | None = None
        self.streaming = False
        self.complete_sent = False

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]
            if self.tracking.drain.draining:
                MutableHeaders(scope=message)["connection"] = "close"
            sent: list[tuple[bytes, bytes]] = message["headers"]
            message["headers"] = [*sent, (b"x-request-id", self.exchange.request_id.encode())]
            kinds = [value for name, value in sent if name == b"content-type"]
            if kinds and kinds[0].startswith(b"text/event-stream"):
                self.streaming = True
                self.tracking.metrics.open_streams.inc()
        elif message["type"] == "http.response.body":
            self.complete_sent = not message.get("more_body", False)
        await self.wire(message)

    async def complete(self) -> None:
        """Finish the body of a closed stream, so that its client sees a complete response."""
        if self.complete_sent or self.status is None:
            return
        if self.exchange.hangup.is_set():
            await self.send({"type": "http.response.body", "body": b"", "more_body": False})

    def record(self) -> None:
        exchange = self.exchange
        if self.streaming:
            self.tracking.metrics.open_streams.dec()
        route = exchange.path if exchange.path in ROUTES else "other"
        method = exchange.method if exchange.method in METHODS else "other"
        if self.tracking.audit is not None and (self.status or 0) >= HTTPStatus.BAD_REQUEST:
            self.tracking.audit.refusal(exchange, self.status)
        metrics = self.tracking.metrics
        end_request(exchange, self.status)
        metrics.of(metrics.http_requests, method, route, str(self.status or "aborted")).inc()
        event(
            "request",
            logging.DEBUG if route in QUIET_ROUTES else logging.INFO,
            method=method,
            path=route,
            status=self.status,
            seconds=round(exchange.seconds(), 4),
            streamed=self.streaming or None,
            rpc_method=exchange.rpc_method,
            tool=exchange.tool,
            resource=exchange.resource,
            prompt=exchange.prompt,
            outcome=exchange.outcome,
            subject=exchange.subject,
            client=exchange.client,
        )


def _until_hangup(receive: Receive, exchange: Exchange) -> Receive:
    """Wrap `receive`: it reports `http.disconnect` once `exchange.hangup` is set."""

    async def receive_or_hangup() -> Message:
        message: Message = {"type": "http.disconnect"}
        async with anyio.create_task_group() as tasks:

            async def hangup() -> None:
                await exchange.hangup.wait()
                tasks.cancel_scope.cancel()

            tasks.start_soon(hangup)
            message = await receive()
            tasks.cancel_scope.cancel()
        return message

    return receive_or_hangup
