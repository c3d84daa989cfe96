"""Standing streams of the modern era, each ended well before anything in front would cut it."""

from __future__ import annotations

import asyncio

from mcp.server import ServerRequestContext
from mcp.server.subscriptions import ListenHandler, SubscriptionBus
from mcp.shared.exceptions import MCPError
from mcp_types import (
    INTERNAL_ERROR,
    SubscriptionsListenRequestParams,
    SubscriptionsListenResult,
)

from .tools import Means


class Subscriptions:
    """Serves `subscriptions/listen`, one handler of the SDK's a stream.

    A stream ends as gracefully as at a drain once it is as old as the longest call may be: its
    client listens anew, perhaps at another pod. So a proxy that drains as long as calls may take
    has no stream left to cut.

    Attributes:
        open: the handlers of the streams there are.
    """

    def __init__(self, bus: SubscriptionBus, most: int, longest_seconds: float) -> None:
        self.bus = bus
        self.most = most
        self.longest_seconds = longest_seconds
        self.open: set[ListenHandler] = set()

    async def listen(
        self, ctx: ServerRequestContext[Means], params: SubscriptionsListenRequestParams
    ) -> SubscriptionsListenResult:
        """One stream, until its client goes or `close` or its age ends it."""
        if len(self.open) >= self.most:
            raise MCPError(INTERNAL_ERROR, "Subscription limit reached")
        handler = ListenHandler(self.bus, max_subscriptions=1)
        self.open.add(handler)
        age = asyncio.get_running_loop().call_later(self.longest_seconds, handler.close)
        try:
            return await handler(ctx, params)
        finally:
            age.cancel()
            self.open.discard(handler)

    def close(self) -> None:
        """Begin the graceful end of every stream."""
        for handler in self.open:
            handler.close()
