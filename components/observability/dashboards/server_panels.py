"""Panels about the requests, tools and use of MCP servers."""

from __future__ import annotations

from typing import Final

from .dashboard import Panel, Query, Unit
from .queries import gauge, quantile, rate, ratio

FAILED: Final = 'status=~"crashed|tool_error"'
QUANTILES: Final = ((0.5, "median"), (0.95, "95th percentile"), (0.99, "99th percentile"))


def quantiles(metric: str) -> list[Query]:
    """Median, 95th and 99th percentile of a histogram."""
    return [Query(expr=quantile(share, metric), legend=legend) for share, legend in QUANTILES]


def _reads(what: str) -> Panel:
    """What clients read: ``resource`` or ``prompt``, also the name of its label."""
    return Panel(
        title=f"{what.capitalize()}s",
        meaning=f"{what.capitalize()}s answered, and those that ended in an error.",
        unit=Unit.PER_SECOND,
        queries=[
            Query(expr=rate(f"mcp_{what}_requests_total", by=(what,)), legend=f"{{{{{what}}}}}"),
            Query(
                expr=rate(f"mcp_{what}_errors_total", by=(what,)),
                legend=f"{{{{{what}}}}} errors",
            ),
        ],
    )


RESOURCES: Final = _reads("resource")
PROMPTS: Final = _reads("prompt")
REQUESTS: Final = Panel(
    title="Request rate",
    meaning="MCP requests answered, by method and outcome.",
    unit=Unit.REQUESTS,
    queries=[
        Query(
            expr=rate("mcp_requests_total", by=("method", "status")),
            legend="{{method}} {{status}}",
        )
    ],
)
HTTP: Final = Panel(
    title="HTTP requests of servers",
    meaning="HTTP requests answered, by path and status; a modern server answers unknown methods "
    "with 404.",
    unit=Unit.REQUESTS,
    queries=[
        Query(
            expr=rate("http_requests_total", by=("route", "status")),
            legend="{{route}} {{status}}",
        )
    ],
)
DURATION: Final = Panel(
    title="Response time",
    meaning="From an MCP request to its result.",
    unit=Unit.SECONDS,
    queries=quantiles("mcp_request_duration_seconds"),
)
METHODS: Final = Panel(
    title="Time of methods",
    meaning="From an MCP request to its result, by method.",
    unit=Unit.SECONDS,
    queries=[
        Query(
            expr=quantile(0.95, "mcp_server_operation_duration_seconds", by=("mcp_method_name",)),
            legend="{{mcp_method_name}} 95th percentile",
        )
    ],
)
ERROR_TYPES: Final = Panel(
    title="Errors by type",
    meaning="MCP requests that ended with an error, by method: a code of JSON-RPC, tool_error or "
    "cancelled.",
    unit=Unit.PER_SECOND,
    queries=[
        Query(
            expr=rate(
                "mcp_server_operation_duration_seconds",
                'error_type!=""',
                by=("mcp_method_name", "error_type"),
                suffix="_count",
            ),
            legend="{{mcp_method_name}} {{error_type}}",
        )
    ],
)
SESSIONS: Final = Panel(
    title="Length of sessions",
    meaning="Mean time of the legacy sessions that have ended, by server.",
    unit=Unit.SECONDS,
    queries=[
        Query(
            expr=ratio(
                rate("mcp_server_session_duration_seconds", by=("job",), suffix="_sum"),
                rate("mcp_server_session_duration_seconds", by=("job",), suffix="_count"),
            ),
            legend="{{job}}",
        )
    ],
)
OTHER_SERVERS: Final = Panel(
    title="Response times of other servers",
    meaning="From a request to a server whose tools are offered here to its answer: 95th "
    "percentile.",
    unit=Unit.SECONDS,
    queries=[
        Query(
            expr=quantile(0.95, "mcp_client_operation_duration_seconds", by=("server_address",)),
            legend="{{server_address}}",
        )
    ],
)
ERRORS_OF_OTHER_SERVERS: Final = Panel(
    title="Errors of other servers",
    meaning="Requests to servers whose tools are offered here that ended with an error, or without "
    "an answer.",
    unit=Unit.PER_SECOND,
    queries=[
        Query(
            expr=rate(
                "mcp_client_operation_duration_seconds",
                'error_type!=""',
                by=("server_address", "error_type"),
                suffix="_count",
            ),
            legend="{{server_address}} {{error_type}}",
        )
    ],
)
FAILURES: Final = Panel(
    title="Failed requests",
    meaning="Share of MCP requests that crashed, or whose tool reported an error.",
    unit=Unit.SHARE,
    queries=[
        Query(
            expr=ratio(
                rate("mcp_requests_total", FAILED, by=("job",)),
                rate("mcp_requests_total", by=("job",)),
            ),
            legend="{{job}}",
        )
    ],
)
SUCCESS: Final = Panel(
    title="Success rate",
    meaning="Share of MCP requests that ended without an error, by server.",
    unit=Unit.SHARE,
    queries=[
        Query(
            expr=ratio(
                rate("mcp_requests_total", 'status="ok"', by=("job",)),
                rate("mcp_requests_total", by=("job",)),
            ),
            legend="{{job}}",
        )
    ],
    at_most=1,
)
TOOL_REQUESTS: Final = Panel(
    title="Tool calls",
    meaning="Tool calls answered, by tool.",
    unit=Unit.REQUESTS,
    queries=[
        Query(expr=rate("mcp_tool_requests_total", by=("tool_name",)), legend="{{tool_name}}")
    ],
)
TOOL_DURATION: Final = Panel(
    title="Time of tool calls",
    meaning="From a tool call to its result, by tool.",
    unit=Unit.SECONDS,
    queries=[
        Query(
            expr=quantile(share, "mcp_tool_duration_seconds", by=("tool_name",)),
            legend=f"{{{{tool_name}}}} {legend}",
        )
        for share, legend in QUANTILES[:2]
    ],
)
TOOL_ERRORS: Final = Panel(
    title="Errors of tools",
    meaning="Tool calls that ended in an error, by tool.",
    unit=Unit.PER_SECOND,
    queries=[Query(expr=rate("mcp_tool_errors_total", by=("tool_name",)), legend="{{tool_name}}")],
)
USED_TOOLS: Final = Panel(
    title="Most used tools",
    meaning="The ten tools with most calls.",
    unit=Unit.REQUESTS,
    queries=[
        Query(
            expr=f"topk(10, {rate('mcp_tool_requests_total', by=('tool_name',))})",
            legend="{{tool_name}}",
        )
    ],
)
CALLS_OF_SERVERS: Final = Panel(
    title="Use of servers and agents",
    meaning="Tool calls answered, by server: which of them are busy.",
    unit=Unit.REQUESTS,
    queries=[Query(expr=rate("mcp_tool_requests_total", by=("job",)), legend="{{job}}")],
)
CALL_DURATION_OF_SERVERS: Final = Panel(
    title="Response times of servers and agents",
    meaning="From a tool call to its result, by server.",
    unit=Unit.SECONDS,
    queries=[
        Query(
            expr=quantile(share, "mcp_tool_duration_seconds", by=("job",)),
            legend=f"{{{{job}}}} {legend}",
        )
        for share, legend in QUANTILES[:2]
    ],
)
IN_FLIGHT: Final = Panel(
    title="Calls in flight",
    meaning="Tool calls being worked on: the demand that has no answer yet.",
    unit=Unit.NUMBER,
    queries=[Query(expr=gauge("mcp_calls_in_flight", by=("job",)), legend="{{job}}")],
)
STREAMS: Final = Panel(
    title="Open streams",
    meaning="Event streams and WebSockets open to clients.",
    unit=Unit.NUMBER,
    queries=[
        Query(expr=gauge("mcp_open_streams", by=("job",)), legend="{{job}} streams"),
        Query(expr=gauge("websocket_connections", by=("job",)), legend="{{job}} WebSockets"),
    ],
)
LIMITED: Final = Panel(
    title="Refused by limits of servers",
    meaning="What a limit of a server refused: messages, bodies, sessions, streams, calls.",
    unit=Unit.PER_SECOND,
    queries=[
        Query(expr=rate("mcp_limited_total", by=("job", "limit")), legend="{{job}} {{limit}}")
    ],
)
