"""The dashboard of an MCP server of a user, from what the gateway sees of it."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from typing import Final

from .dashboard import Dashboard, Panel, Query, Section, Unit
from .gateway_panels import gateway_quantile
from .objectives import objective
from .queries import rate
from .server_panels import QUANTILES

LONGEST_UID: Final = 40


def user_server_pages(servers: Mapping[str, str], availability: float) -> Iterator[Dashboard]:
    """A dashboard for each server.

    Args:
        servers: the path at the gateway by name.
        availability: share of requests that must not fail.
    """
    for name, route in servers.items():
        yield Dashboard(
            uid=_uid(name),
            title=f"Server {name}",
            purpose=f"How the MCP server {name} answers at {route}, as the gateway sees it.",
            sections=[
                objective(availability, route=route),
                Section(title="Requests", panels=list(_at_gateway(route))),
            ],
        )


def _uid(name: str) -> str:
    """Grafana takes 40 characters; a longer name is cut, and told apart by its hash."""
    whole = f"qudag-mcp-server-{name}"
    if len(whole) <= LONGEST_UID:
        return whole
    return f"{whole[:31]}-{hashlib.sha256(name.encode()).hexdigest()[:8]}"


def _at_gateway(route: str) -> Iterator[Panel]:
    only = f'route="{route}"'
    yield Panel(
        title="Request rate",
        meaning="Requests that the gateway has ended, by status.",
        unit=Unit.REQUESTS,
        queries=[
            Query(
                expr=rate("mcp_gateway_requests_total", only, by=("status",)), legend="{{status}}"
            )
        ],
    )
    yield Panel(
        title="Response time",
        meaning="From the first byte of a request to the last byte of its answer; no streams.",
        unit=Unit.SECONDS,
        queries=[
            Query(expr=gateway_quantile(share, only), legend=legend) for share, legend in QUANTILES
        ],
    )
    yield Panel(
        title="Errors",
        meaning="Tries at the server that ended with 5xx, without an answer (502) or too late.",
        unit=Unit.PER_SECOND,
        queries=[
            Query(
                expr=rate("mcp_gateway_upstream_errors_total", only, by=("status",)),
                legend="{{status}}",
            )
        ],
    )
    yield Panel(
        title="Refused by limits",
        meaning="Requests that the gateway refused: too many, too many at a time, or too large.",
        unit=Unit.PER_SECOND,
        queries=[
            Query(expr=rate("mcp_gateway_limited_total", only, by=("limit",)), legend="{{limit}}")
        ],
    )
    yield Panel(
        title="Streams that ended",
        meaning="Event streams and WebSockets of clients, counted when they end.",
        unit=Unit.PER_SECOND,
        queries=[
            Query(expr=rate("mcp_gateway_requests_total", 'kind="stream"', only), legend="streams")
        ],
    )
