"""Serves MCP 2026-07-28: each request goes to a shared process of the program."""

from __future__ import annotations

import asyncio
from typing import Any, cast

import anyio
from anyio.streams.memory import MemoryObjectReceiveStream
from mcp import MCPError
from mcp.server import ServerRequestContext
from mcp.server.context import CallNext, HandlerResult
from mcp.server.lowlevel import Server
from mcp.server.streamable_http_manager import StreamableHTTPSessionManager
from mcp.server.subscriptions import SUBSCRIPTION_ID_META_KEY, ListenHandler
from mcp_types import (
    INTERNAL_ERROR,
    LOG_LEVEL_META_KEY,
    Notification,
    ServerNotification,
    SubscriptionsListenRequestParams,
)

from .. import __version__
from ..exchange import exchange_of
from ..request_filters import object_or_empty
from .calls import CallLimits, new_call
from .conversation import Params
from .observed import Observed
from .options import BridgeOptions
from .pool import Pool
from .shared import Shared
from .tool_headers import ToolHeaders

BACKLOG = 256
"""Notifications of one request that wait for a slow client; more are dropped."""
MOST_STREAMS = 1000
LAST_NOTIFICATIONS_SECONDS = 5
Context = ServerRequestContext[Any, Any]
Backlog = MemoryObjectReceiveStream[tuple[str, Params]]


class ModernRequests:
    """The SDK's server for the modern era, whose requests are all answered by the program.

    Attributes:
        manager: its `asgi_app` checks headers and the request's envelope, and streams.
        open: the open streams of `subscriptions/listen`.
    """

    def __init__(
        self,
        options: BridgeOptions,
        pool: Pool,
        limits: CallLimits,
        observed: Observed,
        headers: ToolHeaders,
    ) -> None:
        self.pool = pool
        self.limits = limits
        self.observed = observed
        self.headers = headers
        self.open: set[_Stream] = set()
        server = Server[Any](
            options.config.name, version=__version__, get_tool_input_schema=headers.schema
        )
        server.middleware[:] = [self.forward]
        self.manager = StreamableHTTPSessionManager(
            server, max_request_body_size=2 * options.max_message_bytes
        )

    def close_streams(self) -> None:
        """Start the graceful end of all streams."""
        for stream in list(self.open):
            stream.close()

    async def forward(self, ctx: Context, call_next: CallNext) -> HandlerResult:
        """Middleware of the server that answers every request itself."""
        del call_next
        if ctx.request_id is None:
            return None
        if ctx.method == "subscriptions/listen":
            return await self._listen(ctx)
        work = self.limits.run(new_call(), self._ask(ctx))
        return await self.observed.request(ctx.request, ctx.method, ctx.params, work)

    async def _ask(self, ctx: Context) -> Params:
        shared = await self.pool.pick()
        result = await self._passed(ctx, shared)
        if ctx.method == "tools/list":
            self.headers.note(result)
        return result

    async def _passed(self, ctx: Context, shared: Shared) -> Params:
        """Ask the program, and pass its notifications about this request on to the client."""
        send, receive = anyio.create_memory_object_stream[tuple[str, Params]](BACKLOG)

        async def relay(method: str, params: Params) -> None:
            try:
                send.send_nowait((method, _for_client(ctx, params)))
            except (anyio.WouldBlock, anyio.BrokenResourceError, anyio.ClosedResourceError):
                return

        asked = object_or_empty(object_or_empty(ctx.params).get("_meta")).get(LOG_LEVEL_META_KEY)
        logs = asked if isinstance(asked, str) else None
        passing = asyncio.create_task(_pass_on(ctx, receive))
        try:
            result = await shared.request(ctx.method, ctx.params, relay, logs)
            send.close()
            await asyncio.wait([passing], timeout=LAST_NOTIFICATIONS_SECONDS)
            return _for_client(ctx, result)
        finally:
            send.close()
            passing.cancel()

    async def _listen(self, ctx: Context) -> Params:
        """Serve one stream until its client disconnects, a drain closes it or it is too old."""
        if len(self.open) >= MOST_STREAMS:
            raise MCPError(INTERNAL_ERROR, "Subscription limit reached")
        exchange = exchange_of(ctx.request.scope) if ctx.request is not None else None
        if exchange is not None:
            exchange.standing = True
            exchange.rpc_method = ctx.method
        shared = await self.pool.pick()
        stream = _Stream(self.pool)
        self.open.add(stream)
        loop = asyncio.get_running_loop()
        age = loop.call_later(self.limits.longest_seconds, stream.close)
        try:
            if shared.initialized is not None:
                return await stream.of_events(ctx)
            with stream.scope:
                return await self._passed(ctx, shared)
            return {"resultType": "complete", "_meta": {SUBSCRIPTION_ID_META_KEY: ctx.request_id}}
        finally:
            age.cancel()
            self.open.discard(stream)


class _Stream:
    """A stream of `subscriptions/listen`: from the program, or of events of an older program."""

    def __init__(self, pool: Pool) -> None:
        self.pool = pool
        self.scope = anyio.CancelScope()
        self.handler = ListenHandler(pool.bus, max_subscriptions=1)

    def close(self) -> None:
        self.handler.close()
        self.scope.cancel()

    async def of_events(self, ctx: Context) -> Params:
        params = SubscriptionsListenRequestParams.model_validate(ctx.params or {}, by_name=False)
        uris = set(params.notifications.resource_subscriptions or ())
        subscribed: list[str] = []
        try:
            for uri in uris:
                subscribed.append(uri)
                await self.pool.subscribe(uri)
            result = await self.handler(ctx, params)
        finally:
            with anyio.CancelScope(shield=True):
                for uri in subscribed:
                    await self.pool.unsubscribe(uri)
        return {"resultType": "complete"} | result.model_dump(
            by_alias=True, mode="json", exclude_none=True
        )


def _for_client(ctx: Context, params: Params) -> Params:
    """The same with the client's id of its subscription, in place of that of the process."""
    meta = object_or_empty(params.get("_meta"))
    if SUBSCRIPTION_ID_META_KEY not in meta:
        return params
    return {**params, "_meta": {**meta, SUBSCRIPTION_ID_META_KEY: ctx.request_id}}


async def _pass_on(ctx: Context, backlog: Backlog) -> None:
    async for method, params in backlog:
        raw = Notification[dict[str, Any], str].model_construct(method=method, params=params)
        # The session only dumps the notification: its types would drop what they do not know.
        await ctx.session.send_notification(
            cast("ServerNotification", raw), related_request_id=ctx.request_id
        )
