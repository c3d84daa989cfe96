"""The outermost layer: every exchange is counted, logged once, and known to the drain."""

from __future__ import annotations

import asyncio
import logging

import anyio
from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from .drain import Drain
from .exchange import Exchange, current
from .logs import event
from .metrics import Metrics

QUIET_ROUTES = frozenset({"/health", "/ready"})
ROUTES = QUIET_ROUTES | {
    "/mcp",
    "/.well-known/oauth-protected-resource",
    "/.well-known/oauth-protected-resource/mcp",
}
METHODS = frozenset({"GET", "POST", "DELETE", "HEAD", "OPTIONS", "PUT", "PATCH"})


class Traffic:
    """ASGI middleware around everything that is served.

    A legacy GET stream is ended when it is as old as the longest call may be, as a stream of the
    modern era is: see `Subscriptions`.
    """

    def __init__(self, app: ASGIApp, metrics: Metrics, drain: Drain, longest: float) -> None:
        self.app = app
        self.metrics = metrics
        self.drain = drain
        self.longest = longest

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        exchange = Exchange.opened(scope)
        exchange.standing = exchange.path == "/mcp" and exchange.method == "GET"
        age: asyncio.TimerHandle | None = None
        if exchange.standing:
            receive = _until_hangup(receive, exchange)
            age = asyncio.get_running_loop().call_later(self.longest, exchange.hangup.set)
        response = _Response(self, exchange, send)
        self.drain.exchanges.add(exchange)
        try:
            await self.app(scope, receive, response.send)
            await response.complete()
        finally:
            if age is not None:
                age.cancel()
            self.drain.exchanges.discard(exchange)
            response.record()
            current.set(None)


class _Response:
    """Watches one response on its way out."""

    def __init__(self, traffic: Traffic, exchange: Exchange, send: Send) -> None:
        self.traffic = traffic
        self.exchange = exchange
        self.wire = send
        self.status: int | None = None
        self.streaming = False
        self.complete_sent = False

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]
            headers = MutableHeaders(scope=message)
            headers["x-request-id"] = self.exchange.request_id
            if self.traffic.drain.draining:
                headers["connection"] = "close"
            if Headers(scope=message).get("content-type", "").startswith("text/event-stream"):
                self.streaming = True
                self.traffic.metrics.open_streams.inc()
        elif message["type"] == "http.response.body":
            self.complete_sent = not message.get("more_body", False)
        await self.wire(message)

    async def complete(self) -> None:
        """End the body of a stream that was hung up: its client sees an end, not a cut."""
        if self.exchange.hangup.is_set() and self.status is not None and not self.complete_sent:
            await self.send({"type": "http.response.body", "body": b"", "more_body": False})

    def record(self) -> None:
        exchange = self.exchange
        if self.streaming:
            self.traffic.metrics.open_streams.dec()
        route = exchange.path if exchange.path in ROUTES else "other"
        method = exchange.method if exchange.method in METHODS else "other"
        self.traffic.metrics.http_requests.labels(
            method, route, str(self.status or "aborted")
        ).inc()
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
            outcome=exchange.outcome,
            subject=exchange.subject,
        )


def _until_hangup(receive: Receive, exchange: Exchange) -> Receive:
    """`receive`, which reports the client gone once the exchange is hung up from this side."""

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
