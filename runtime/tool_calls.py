"""Runs tool calls: limits their time, counts and logs them, registers them for the drain."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

from mcp.server.context import CallNext, HandlerResult
from mcp.server.lowlevel import Server
from mcp.server.mcpserver import Context
from mcp.server.mcpserver.exceptions import ToolError, UnexpectedToolError
from mcp.server.mcpserver.tools import Tool
from mcp.shared.exceptions import MCPError
from mcp_types import (
    INTERNAL_ERROR,
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

from .audit import NOT_RECORDED, RECORDED, Audit, RecordedCall
from .audit_writer import NotRecordedError
from .dependencies import RequestContext
from .drain import Drain
from .error_types import NONE, TOOL_ERROR, error_type
from .exchange import Exchange, current, exchange_of
from .federation.failures import NoAnswerError
from .federation.federation import Federation
from .federation.kinds import TOOLS
from .federation.names import prefix_of
from .logs import log
from .mcp_methods import METHODS
from .metrics import OTHER, Metrics
from .time_limits import EndedError, within_time
from .tracing import client_span, exemplar, failed, mcp_span, name_target, recorded

Result = CallToolResult | InputRequiredResult
LONGEST_TOOL_NAME = 128
"""Characters (MCP 2026-07-28)."""
LISTEN = "subscriptions/listen"
"""Its answer is a stream without an end of its own: it has no span, and is no operation."""
_BEGAN = "qudag.session_began"
"""Key in the state of a connection."""


@dataclass
class ToolCalls:
    """Handlers of `tools/list` and `tools/call`, and the middleware around every MCP request.

    Attributes:
        own: the server of the user's own code that is served in place of `tools`.
        most: calls at a time; one more is refused. None: any number.
        audit: records calls; None without an audit log.
        running: calls now.
    """

    tools: dict[str, Tool]
    longest_seconds: float
    drain: Drain
    metrics: Metrics
    others: Federation
    own: Server[Any] | None = None
    most: int | None = None
    audit: Audit | None = None
    running: int = 0

    async def list(
        self, context: RequestContext, _: PaginatedRequestParams | None
    ) -> HandlerResult:
        """Handle `tools/list`: all tools, on one page, with those of other servers."""
        own = ListToolsResult(
            tools=[
                ListedTool(
                    name=tool.name,
                    description=tool.description,
                    input_schema=tool.parameters,
                    output_schema=tool.output_schema,
                )
                for tool in self.tools.values()
            ]
        )
        if not self.others.members:
            return own
        forwarded = await self.others.listed(TOOLS, context)
        written = own.model_dump(by_alias=True, mode="json", exclude_none=True)
        return {**written, "tools": [*forwarded, *written["tools"]]}

    def input_schema(self, name: str) -> dict[str, Any] | None:
        """The tool's input schema, against which the SDK checks `Mcp-Param` headers."""
        if tool := self.tools.get(name):
            return tool.parameters
        if self.own is not None:
            find = self.own.get_tool_input_schema
            found = find(name) if find else None
            return None if found is None else dict(found)
        return self.others.input_schema(name)

    async def call(self, context: RequestContext, params: CallToolRequestParams) -> HandlerResult:
        """Handle `tools/call`.

        An unknown tool is a protocol error; wrong arguments and failures are tool errors.
        """
        longest, label = self.longest_seconds, params.name
        if tool := self.tools.get(params.name):
            run = partial(_run, tool, params.arguments or {}, context)
        elif found := await self.others.find(TOOLS, params.name, context):
            run = partial(self.others.send, found, "tools/call", {"name": found.name}, context)
            longest = min(longest, found.longest_seconds or longest)
            label = self.metrics.tool_label(params.name)
        else:
            raise MCPError(INVALID_PARAMS, f"Unknown tool: {params.name[:200]}")
        return await self.counted(label, longest, run)

    async def counted(
        self, label: str, longest: float, run: Callable[[], Awaitable[HandlerResult]]
    ) -> HandlerResult:
        """The result of a tool call, counted under `label`; a tool error if it takes too long."""
        started = time.perf_counter()
        self.metrics.of(self.metrics.tool_requests, label).inc()
        failed = True
        try:
            result = await self._admitted(longest, run)
            failed = _is_tool_error(result)
            return result
        finally:
            self.metrics.of(self.metrics.tool_seconds, label).observe(
                time.perf_counter() - started, exemplar()
            )
            if failed:
                self.metrics.of(self.metrics.tool_errors, label).inc()

    async def _admitted(
        self, longest: float, run: Callable[[], Awaitable[HandlerResult]]
    ) -> HandlerResult:
        """The result, or a tool error if `most` calls are running."""
        if self.most is not None and self.running >= self.most:
            self.metrics.limited.labels("calls").inc()
            return _error(f"The limit of concurrent calls ({self.most}) is reached; try again.")
        self.running += 1
        try:
            return await self._within_time(longest, run)
        finally:
            self.running -= 1

    async def _within_time(
        self, longest: float, run: Callable[[], Awaitable[HandlerResult]]
    ) -> HandlerResult:
        try:
            return await within_time(self.drain, longest, run)
        except (EndedError, NoAnswerError) as failed:
            return _error(str(failed))

    async def watch(self, ctx: RequestContext, call_next: CallNext) -> HandlerResult:
        """Middleware that counts and logs every MCP message with its outcome."""
        if ctx.request_id is None:
            return await call_next(ctx)
        method = ctx.method if ctx.method in METHODS else "other"
        exchange = exchange_of(ctx.request.scope) if ctx.request is not None else None
        if exchange is not None:
            current.set(exchange)
            self._describe(exchange, method, ctx)
        if method == LISTEN:
            return await self._watched(exchange, method, ctx, call_next)
        given = (ctx.meta or {}).get("traceparent")
        started, kind = time.perf_counter(), NONE
        with mcp_span(exchange, method, ctx.protocol_version, given) as span:
            try:
                result = await self._watched(exchange, method, ctx, call_next)
                if _is_tool_error(result):
                    kind = TOOL_ERROR
            except BaseException as error:
                kind = error_type(error)
                raise
            finally:
                if recorded():
                    name_target(span, method, self._listed_name(exchange, ctx))
                    if kind:
                        failed(span, kind)
                label = self._tool_label(method, ctx)
                operation = self.metrics.of(self.metrics.operation_seconds, method, label, kind)
                operation.observe(time.perf_counter() - started, exemplar())
        if method == "initialize":
            self._begin_session(ctx)
        return result

    def _begin_session(self, context: RequestContext) -> None:
        """Measure the session that was opened, if it is kept in this process."""
        connection = context.session._connection  # pyright: ignore[reportPrivateUsage]
        if connection.session_id is None or _BEGAN in connection.state:
            return
        connection.state[_BEGAN] = began = time.perf_counter()

        def end() -> None:
            seconds = time.perf_counter() - began
            self.metrics.session_ended(connection.protocol_version, seconds)

        connection.exit_stack.callback(end)

    async def _watched(
        self, exchange: Exchange | None, method: str, ctx: RequestContext, call_next: CallNext
    ) -> HandlerResult:
        row = self._recorded(exchange, method, ctx)
        started = time.perf_counter()
        outcome = "cancelled"
        try:
            if row is not None:
                with client_span("audit log", {"db.system.name": "postgresql"}):
                    await row.begin()
            result = await call_next(ctx)
            outcome = "tool_error" if _is_tool_error(result) else "ok"
            return result
        except NotRecordedError:
            outcome = "refused"
            raise MCPError(INTERNAL_ERROR, NOT_RECORDED) from None
        except (MCPError, ValidationError):
            outcome = "refused"
            raise
        except Exception:
            outcome = "crashed"
            raise
        finally:
            self.metrics.of(self.metrics.requests, method, outcome).inc()
            self.metrics.of(self.metrics.request_seconds, method).observe(
                time.perf_counter() - started, exemplar()
            )
            if exchange is not None:
                exchange.outcome = outcome
            if row is not None:
                row.end(outcome, self._known_name(exchange, ctx))
            elif outcome == "refused" and exchange is not None and self.audit is not None:
                self.audit.refusal(exchange, None, method)

    def _recorded(
        self, exchange: Exchange | None, method: str, context: RequestContext
    ) -> RecordedCall | None:
        """The call for the audit log; None if there is no log, or no row for such requests."""
        if self.audit is None or exchange is None or method not in RECORDED:
            return None
        name = self._known_name(exchange, context)
        return self.audit.call(exchange, method, name, (context.params or {}).get("arguments"))

    def _known_name(self, exchange: Exchange | None, context: RequestContext) -> str | None:
        """The tool, the prompt or the kind of resource; None for a name that no server has."""
        if exchange is None:
            return None
        name = (context.params or {}).get("name")
        if context.method != "tools/call" or not isinstance(name, str):
            return exchange.prompt or exchange.resource
        known = self.input_schema(name) is not None or prefix_of(name) in self.others.members
        return name[:LONGEST_TOOL_NAME] if known else None

    def _listed_name(self, exchange: Exchange | None, context: RequestContext) -> str | None:
        """The tool, if a server has listed it, or the prompt; None for any other name."""
        if exchange is None or context.method != "tools/call":
            return None if exchange is None else exchange.prompt
        name = (context.params or {}).get("name")
        return name if isinstance(name, str) and self.input_schema(name) is not None else None

    def _tool_label(self, method: str, context: RequestContext) -> str:
        """The label of the tool that is called: `other` for a name that no server has listed."""
        if method != "tools/call":
            return ""
        name = (context.params or {}).get("name")
        if not isinstance(name, str) or self.input_schema(name) is None:
            return OTHER
        return name if name in self.tools else self.metrics.tool_label(name)

    def _describe(self, exchange: Exchange, method: str, context: RequestContext) -> None:
        exchange.rpc_method = method
        exchange.standing = exchange.standing or method == LISTEN
        exchange.follow_trace((context.meta or {}).get("traceparent"))
        name = (context.params or {}).get("name")
        if method != "tools/call" or not isinstance(name, str):
            return
        if self.input_schema(name) is not None:
            exchange.tool = name


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
