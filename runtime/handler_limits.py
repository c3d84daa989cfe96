"""Applies the limits of the reference server to a server that the user's own code defines."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import anyio
from mcp.server import ServerRequestContext
from mcp.server.context import HandlerResult
from mcp.server.lowlevel import Server
from mcp.shared.exceptions import MCPError
from mcp.shared.subscriptions import SUBSCRIPTION_ID_META_KEY
from mcp_types import INTERNAL_ERROR, CallToolRequestParams, SubscriptionsListenResult

from .federation.federation import internal_error
from .metrics import OTHER
from .principals import principal_of
from .time_limits import EndedError, within_time
from .tool_calls import ToolCalls
from .user_quotas import OpenStreams, QuotaError

LIMITED = ("resources/read", "prompts/get", "completion/complete")
"""Methods other than `tools/call` that run the user's code for as long as it likes."""
Context = ServerRequestContext[Any, Any]
Handler = Callable[[Context, Any], Coroutine[Any, Any, HandlerResult]]


@dataclass
class HandlerLimits:
    """Wraps the handlers of a server.

    Attributes:
        calls: counts tool calls, and says how long one may take.
        streams: counts the standing streams of each user.
        most: standing streams of all users.
        open: the cancel scopes of the open standing streams.
        running: handlers in progress, also those that nobody waits for any more.
    """

    calls: ToolCalls
    streams: OpenStreams
    most: int
    open: set[anyio.CancelScope] = field(default_factory=set[anyio.CancelScope])
    running: set[asyncio.Task[Any]] = field(default_factory=set[asyncio.Task[Any]])

    def add_to(self, server: Server[Any]) -> None:
        """Replace the handlers of `server` by limited ones; those that it lacks stay absent."""
        wrappers = {
            "tools/call": self._call,
            **dict.fromkeys(LIMITED, self._limited),
            "subscriptions/listen": self._listen,
        }
        for method, wrapper in wrappers.items():
            if entry := server.get_request_handler(method):
                wrapped = partial(wrapper, entry.handler)
                server.add_request_handler(method, entry.params_type, wrapped)

    def close(self) -> None:
        """Start the graceful end of all open standing streams."""
        for scope in self.open:
            scope.cancel()

    async def _call(
        self,
        handler: Handler,
        context: Context,
        params: CallToolRequestParams,
    ) -> HandlerResult:
        known = self.calls.input_schema(params.name) is not None
        label = self.calls.metrics.tool_label(params.name) if known else OTHER
        run = partial(self._abandonable, handler, context, params)
        return await self.calls.counted(label, self.calls.longest_seconds, run)

    async def _limited(self, handler: Handler, context: Context, params: Any) -> HandlerResult:
        run = partial(self._abandonable, handler, context, params)
        try:
            return await within_time(self.calls.drain, self.calls.longest_seconds, run)
        except EndedError as ended:
            raise internal_error(str(ended)) from None

    async def _abandonable(self, handler: Handler, context: Context, params: Any) -> HandlerResult:
        """The handler's result; a cancellation does not wait until the handler has ended.

        A function without `async` runs in a thread, which cannot be ended. It continues, and its
        result is dropped.
        """
        task = asyncio.create_task(handler(context, params))
        self.running.add(task)
        task.add_done_callback(self._ended)
        try:
            return await asyncio.shield(task)
        finally:
            task.cancel()

    def _ended(self, task: asyncio.Task[Any]) -> None:
        self.running.discard(task)
        if not task.cancelled():
            task.exception()  # retrieved, so that asyncio does not log it

    async def _listen(self, handler: Handler, context: Context, params: Any) -> HandlerResult:
        """Serve one stream until its client disconnects, `close` is called or it is too old."""
        if len(self.open) >= self.most:
            raise MCPError(INTERNAL_ERROR, "Subscription limit reached")
        user = principal_of(context.request.scope) if context.request is not None else None
        scope = anyio.CancelScope(deadline=anyio.current_time() + self.calls.longest_seconds)
        self.open.add(scope)
        try:
            with self.streams.one_more(user), scope:
                return await handler(context, params)
        except QuotaError as full:
            raise MCPError(INTERNAL_ERROR, str(full)) from None
        finally:
            self.open.discard(scope)
        return SubscriptionsListenResult(_meta={SUBSCRIPTION_ID_META_KEY: context.request_id})
