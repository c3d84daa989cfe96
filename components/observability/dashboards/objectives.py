"""Panels about the objective of a service: how many requests may fail, and how many have failed."""

from __future__ import annotations

from .dashboard import Panel, Query, Section, Unit
from .gateway_panels import SERVER_ERRORS
from .queries import rate

MONTH = "30d"


def objective(availability: float, *, route: str | None = None) -> Section:
    """The error budget at the gateway, of all its paths or of one.

    Args:
        availability: share of requests that must not fail, such as 0.999.
        route: the path as ``mcp_gateway_requests_total`` names it.
    """
    used = f"({_failed(route, MONTH)}) / {1 - availability:.6g}"
    return Section(
        title=f"Objective: {100 * availability:.6g} % of requests without an error of a server",
        panels=[
            Panel(
                title="Error budget left",
                meaning=(
                    "Share that is left of the requests that may fail in 30 days; 0 and "
                    "below: the objective is missed; -100 %: at least twice as many have failed."
                ),
                unit=Unit.SHARE,
                queries=[
                    Query(
                        expr=f"clamp_min(1 - {used}, -1)",
                        legend="left",
                    )
                ],
                at_least=-1,
                at_most=1,
            ),
            Panel(
                title="Speed at which the budget is used",
                meaning="1: all of it is used in 30 days; 14.4: in two days.",
                unit=Unit.NUMBER,
                queries=[
                    Query(
                        expr=f"({_failed(route, over)}) / {1 - availability:.6g}",
                        legend=f"over {over}",
                    )
                    for over in ("1h", "6h")
                ],
                limit=14.4,
            ),
        ],
    )


def _failed(route: str | None, over: str) -> str:
    """Share of requests that ended with 5xx; 0 while none did."""
    only = [] if route is None else [f'route="{route}"']
    every = rate("mcp_gateway_requests_total", *only, over=over)
    failed = rate("mcp_gateway_requests_total", SERVER_ERRORS, *only, over=over)
    return f"({failed} or 0 * {every}) / ({every} > 0)"
