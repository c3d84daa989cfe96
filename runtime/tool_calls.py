"""Runs tool calls: limits their time, counts and logs them, registers them for the drain."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import anyio
from mcp.server import ServerRequestContext
from mcp.server.context import CallNext, HandlerResult
from mcp.server.mcpserver import Context
from mcp.server.mcpserver.exceptions import ToolError, UnexpectedToolError
from mcp.server.mcpserver.tools import Tool
from mcp.shared.exceptions import MCPError
from mcp_types import (
    INVALID_PARAMS,
    CallToolRequestParams,
    CallToolResult,
    InputRequiredResult,
    ListToolsResult,
    PaginatedRequestParams,
    TextContent,
)
from mcp_types import Tool as ListedTool
from pydantic import ValidationError

from .drain import Call, Drain
from .exchange import Exchange, current, exchange_of
from .logs import log
from .metrics import Metrics
from .tool_servers import ForwardedTool, NoAnswerError, ToolServers, forward
from .tools import ToolDependencies

RequestContext = ServerRequestContext[ToolDependencies, Any]
Result = CallToolResult | InputRequiredResult
METHODS = frozenset(
    {
        "initialize",
        "ping",
        "server/discover",
        "subscriptions/listen",
        "tools/call",
        "tools/list",
    }
)


@dataclass
class ToolCalls:
    """Handlers of `tools/list` and `tools/call`, and the middleware around every MCP request."""

    tools: dict[str, Tool]
    longest_seconds: float
    drain: Drain
    metrics: Metrics
    others: ToolServers

    async def list(
        self, context: RequestContext, _: PaginatedRequestParams | None
    ) -> ListToolsResult:
        """Handle `tools/list`: all tools, on one page, with those of other servers."""
        forwarded = await self.others.tools(context) if self.others.servers else {}
        return ListToolsResult(
            tools=[
                *(tool.listed for tool in forwarded.values()),
                *(
                    ListedTool(
                        name=tool.name,
                        description=tool.description,
                        input_schema=tool.parameters,
                        output_schema=tool.output_schema,
                    )
                    for tool in self.tools.values()
                ),
            ]
        )

    def input_schema(self, name: str) -> dict[str, Any] | None:
        """The tool's input schema, against which the SDK checks `Mcp-Param` headers."""
        if tool := self.tools.get(name):
            return tool.parameters
        forwarded = self.others.known().get(name)
        return forwarded.listed.input_schema if forwarded else None

    async def call(self, context: RequestContext, params: CallToolRequestParams) -> Result:
        """Handle `tools/call`.

        An unknown tool is a protocol error; wrong arguments and failures are tool errors.
        """
        tool = self.tools.get(params.name) or await self.others.find(params.name, context)
        if tool is None:
            raise MCPError(INVALID_PARAMS, f"Unknown tool: {params.name[:200]}")
        run, longest = _run, self.longest_seconds
        if isinstance(tool, ForwardedTool):
            run = _forwarded
            longest = min(longest, tool.server.section.longest_tool_seconds or longest)
        arguments = params.arguments or {}
        started = time.perf_counter()
        self.metrics.of(self.metrics.tool_requests, params.name).inc()
        failed = True
        try:
            result = await self._within_time(longest, partial(run, tool, arguments, context))
            failed = isinstance(result, CallToolResult) and bool(result.is_error)
            return result
        finally:
            self.metrics.of(self.metrics.tool_seconds, params.name).observe(
                time.perf_counter() - started
            )
            if failed:
                self.metrics.of(self.metrics.tool_errors, params.name).inc()

    async def _within_time(self, longest: float, run: Callable[[], Awaitable[Result]]) -> Result:
        call = Call(anyio.CancelScope(deadline=anyio.current_time() + longest))
        self.drain.calls.add(call)
        try:
            with call.scope:
                return await run()
        finally:
            self.drain.calls.discard(call)
        if call.cut:
            return _error("The server is shutting down and ended this call; try it again.")
        return _error(
            f"The call ran longer than {longest:g} s, the longest allowed here, and was ended."
        )

    async def watch(self, ctx: RequestContext, call_next: CallNext) -> HandlerResult:
        """Middleware that counts and logs every MCP message with its outcome."""
        if ctx.request_id is None:
            return await call_next(ctx)
        method = ctx.method if ctx.method in METHODS else "other"
        exchange = exchange_of(ctx.request.scope) if ctx.request is not None else None
        if exchange is not None:
            current.set(exchange)
            self._describe(exchange, method, ctx)
        started = time.perf_counter()
        outcome = "cancelled"
        try:
            result = await call_next(ctx)
            outcome = "tool_error" if _is_tool_error(result) else "ok"
            return result
        except (MCPError, ValidationError):
            outcome = "refused"
            raise
        except Exception:
            outcome = "crashed"
            raise
        finally:
            self.metrics.of(self.metrics.requests, method, outcome).inc()
            self.metrics.of(self.metrics.request_seconds, method).observe(
                time.perf_counter() - started
            )
            if exchange is not None:
                exchange.outcome = outcome

    def _describe(self, exchange: Exchange, method: str, context: RequestContext) -> None:
        exchange.rpc_method = method
        exchange.standing = exchange.standing or method == "subscriptions/listen"
        exchange.follow_trace((context.meta or {}).get("traceparent"))
        name = (context.params or {}).get("name")
        if method == "tools/call" and (name in self.tools or name in self.others.known()):
            exchange.tool = name


async def _forwarded(
    tool: ForwardedTool, arguments: dict[str, Any], context: RequestContext
) -> Result:
    try:
        return await forward(tool, arguments, context)
    except NoAnswerError as error:
        return _error(str(error))


async def _run(tool: Tool, arguments: dict[str, Any], context: RequestContext) -> Result:
    try:
        return await tool.run(arguments, Context(request_context=context), convert_result=True)
    except UnexpectedToolError as error:
        log.error("tool_crashed", exc_info=error.__cause__, extra={"facts": {"tool": tool.name}})
        return _error(str(error))
    except ToolError as error:
        return _error(str(error))


def _error(message: str) -> CallToolResult:
    return CallToolResult(content=[TextContent(type="text", text=message)], is_error=True)


def _is_tool_error(result: HandlerResult) -> bool:
    match result:
        case CallToolResult(is_error=True) | {"isError": True}:
            return True
        case _:
            return False
