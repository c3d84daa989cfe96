"""Panels about the gateway: requests by path, errors of servers, limits."""

from __future__ import annotations

from typing import Final

from .dashboard import Panel, Query, Section, Unit
from .queries import gauge, quantile, rate

SERVER_ERRORS: Final = 'status=~"5.."'
_UNAUTHORIZED: Final = 'status=~"401|403"'


def gateway_quantile(share: float, *matchers: str, by: tuple[str, ...] = ()) -> str:
    """The time at the gateway under which a ``share`` of the requests stay, without streams."""
    return quantile(
        share, "mcp_gateway_request_duration_seconds", 'kind="request"', *matchers, by=by
    )


REQUESTS: Final = Panel(
    title="Requests at the gateway",
    meaning="Requests that the gateway has ended, by path and status.",
    unit=Unit.REQUESTS,
    queries=[
        Query(
            expr=rate("mcp_gateway_requests_total", by=("route", "status")),
            legend="{{route}} {{status}}",
        )
    ],
)
DURATION: Final = Panel(
    title="Time at the gateway",
    meaning="From the first byte of a request to the last byte of its answer; no streams.",
    unit=Unit.SECONDS,
    queries=[Query(expr=gateway_quantile(0.95, by=("route",)), legend="{{route}} 95th percentile")],
)
ERRORS: Final = Panel(
    title="Errors of servers at the gateway",
    meaning="Tries at a server that ended with 5xx, without an answer (502) or too late (504).",
    unit=Unit.PER_SECOND,
    queries=[
        Query(
            expr=rate("mcp_gateway_upstream_errors_total", by=("route", "status")),
            legend="{{route}} {{status}}",
        )
    ],
)
LIMITED: Final = Panel(
    title="Refused by limits of the gateway",
    meaning="Requests that the gateway refused: too many, too many at a time, or too large.",
    unit=Unit.PER_SECOND,
    queries=[
        Query(
            expr=rate("mcp_gateway_limited_total", by=("route", "limit")),
            legend="{{route}} {{limit}}",
        )
    ],
)
CONNECTIONS: Final = Panel(
    title="Connections of the gateway",
    meaning="Connections of clients: a request is read, is being answered, or none is open.",
    unit=Unit.NUMBER,
    queries=[Query(expr=gauge("mcp_gateway_connections", by=("state",)), legend="{{state}}")],
)
COUNTED: Final = Panel(
    title="Requests that were not counted",
    meaning="Requests that are in no other panel, and pods whose nginx does not answer (0).",
    unit=Unit.NUMBER,
    queries=[
        Query(expr=rate("mcp_gateway_lost_lines_total"), legend="not counted in a second"),
        Query(expr=gauge("mcp_gateway_up", by=("pod",)), legend="{{pod}}"),
    ],
)
REFUSED: Final = Panel(
    title="Requests without a right",
    meaning="Requests refused for want of a valid token (401) or of a scope (403), by path.",
    unit=Unit.PER_SECOND,
    queries=[
        Query(
            expr=rate("mcp_gateway_requests_total", _UNAUTHORIZED, by=("route", "status")),
            legend="{{route}} {{status}}",
        )
    ],
)
USED_SERVERS: Final = Panel(
    title="Use of servers",
    meaning="Requests for each path of the gateway.",
    unit=Unit.REQUESTS,
    queries=[Query(expr=rate("mcp_gateway_requests_total", by=("route",)), legend="{{route}}")],
)
GATEWAY: Final = Section(
    title="Gateway", panels=[REQUESTS, DURATION, ERRORS, LIMITED, CONNECTIONS, COUNTED]
)
