"""Streams of `subscriptions/listen`, closed before a proxy in front closes them."""

from __future__ import annotations

import asyncio

from mcp.server.subscriptions import ListenHandler
from mcp.shared.exceptions import MCPError
from mcp_types import (
    INTERNAL_ERROR,
    SubscriptionsListenRequestParams,
    SubscriptionsListenResult,
)

from .dependencies import RequestContext, owner_of
from .principals import principal_of
from .user_events import UserEvents
from .user_quotas import OpenStreams, QuotaError


class Subscriptions:
    """Handles `subscriptions/listen`, with one handler of the SDK per stream.

    A stream is closed gracefully when it is as old as the longest call may take. The client then
    subscribes again, perhaps at another pod. So a proxy that drains for the longest call has no
    stream to cut.

    Attributes:
        open: the handlers of the open streams.
    """

    def __init__(
        self, events: UserEvents, most: int, longest_seconds: float, streams: OpenStreams
    ) -> None:
        self.events = events
        self.most = most
        self.longest_seconds = longest_seconds
        self.streams = streams
        self.open: set[ListenHandler] = set()

    async def listen(
        self, ctx: RequestContext, params: SubscriptionsListenRequestParams
    ) -> SubscriptionsListenResult:
        """Serve one stream until its client disconnects, `close` is called or it is too old."""
        if len(self.open) >= self.most:
            raise MCPError(INTERNAL_ERROR, "Subscription limit reached")
        handler = ListenHandler(self.events.of(owner_of(ctx)), max_subscriptions=1)
        self.open.add(handler)
        age = asyncio.get_running_loop().call_later(self.longest_seconds, handler.close)
        user = principal_of(ctx.request.scope) if ctx.request is not None else None
        try:
            with self.streams.one_more(user):
                return await handler(ctx, params)
        except QuotaError as full:
            raise MCPError(INTERNAL_ERROR, str(full)) from None
        finally:
            age.cancel()
            self.open.discard(handler)

    def close(self) -> None:
        """Start the graceful end of all open streams."""
        for handler in self.open:
            handler.close()
