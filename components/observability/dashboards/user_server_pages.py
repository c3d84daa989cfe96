"""The dashboard of an MCP server of a user, from what the gateway sees of it."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Mapping
from typing import Final

from .dashboard import PREFIX, Dashboard, Panel, Query, Section, Unit
from .gateway_panels import gateway_quantile
from .objectives import objective
from .queries import SELECTED, rate
from .server_panels import QUANTILES

LONGEST: Final = 40


def user_server_pages(
    servers: Mapping[str, str], named: Mapping[str, Mapping[str, str]], availability: float
) -> Iterator[Dashboard]:
    """A dashboard for each server.

    Args:
        servers: the path at the gateway by name.
        named: metrics of their images by their meaning, by the server's name.
        availability: share of requests that must not fail.
    """
    for name, route in servers.items():
        yield Dashboard(
            name=_file(name),
            title=f"Server {name}",
            purpose=f"How the MCP server {name} answers at {route}, as the gateway sees it.",
            sections=[
                objective(availability, route=route),
                Section(title="Requests", panels=list(_at_gateway(route))),
                Section(
                    title="Model and business",
                    panels=[
                        panel(name)
                        for field, panel in _OF_IMAGES.items()
                        if field in named.get(name, {})
                    ],
                ),
            ],
        )


def _file(name: str) -> str:
    """A name of 40 characters at most; a longer one is shortened and ends with its hash."""
    whole = f"{PREFIX}server-{name}"
    if len(whole) <= LONGEST:
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


def _recorded(series: str, server: str) -> str:
    """A series that the recording rules make of a metric of an image."""
    return f'{series}{{{SELECTED},job="{server}"}}'


def _accuracy(server: str) -> Panel:
    return Panel(
        title="Accuracy of the model",
        meaning="Of the pod in which it is lowest, for each set of the image's own labels.",
        unit=Unit.SHARE,
        queries=[Query(expr=_recorded("job:model_accuracy:min", server), legend="{{model}}")],
        at_most=1,
    )


def _inference(server: str) -> Panel:
    return Panel(
        title="Inference time",
        meaning="95th percentile of five minutes, for each set of the image's own labels.",
        unit=Unit.SECONDS,
        queries=[
            Query(
                expr=_recorded("job:model_inference_seconds:p95_rate5m", server), legend="{{model}}"
            )
        ],
    )


def _users(server: str) -> Panel:
    return Panel(
        title="Active users",
        meaning="Over all pods, for each set of the image's own labels.",
        unit=Unit.NUMBER,
        queries=[Query(expr=_recorded("job:active_users:sum", server), legend="users")],
    )


def _features(server: str) -> Panel:
    return Panel(
        title="Uses of features",
        meaning="In a second, over all pods, for each set of the image's own labels.",
        unit=Unit.PER_SECOND,
        queries=[Query(expr=_recorded("job:feature_uses:rate5m", server), legend="{{feature}}")],
    )


_OF_IMAGES: Final[Mapping[str, Callable[[str], Panel]]] = {
    "accuracy": _accuracy,
    "inference_seconds": _inference,
    "active_users": _users,
    "feature_uses": _features,
}
"""The panel for each metric that a server's entry may name."""
