"""Metrics of the exporter beside the gateway's nginx."""

from __future__ import annotations

from functools import partial
from typing import Final

from .exported_metric import ExportedMetric

_gateway = partial(ExportedMetric, exporters=("gateway",))

GATEWAY: Final = (
    _gateway(
        name="mcp_gateway_requests_total",
        kind="counter",
        labels=("route", "kind", "method", "status"),
        meaning="Requests that nginx has ended.",
    ),
    _gateway(
        name="mcp_gateway_request_duration_seconds",
        kind="histogram",
        unit="seconds",
        labels=("route", "kind"),
        meaning="From the first byte of a request to the last byte of its answer.",
    ),
    _gateway(
        name="mcp_gateway_limited_total",
        kind="counter",
        labels=("route", "limit"),
        meaning="Requests that nginx refused: too many, too many at a time, or a too large body.",
    ),
    _gateway(
        name="mcp_gateway_upstream_errors_total",
        kind="counter",
        labels=("route", "status"),
        meaning="Tries at a server that ended with 5xx, without an answer (502) or too late (504).",
    ),
    _gateway(
        name="mcp_gateway_lost_lines_total",
        kind="counter",
        meaning="Requests in no other metric: their lines came too fast, or were unreadable.",
    ),
    _gateway(
        name="mcp_gateway_up",
        kind="gauge",
        meaning="1 when nginx has answered the question for its connections.",
    ),
    _gateway(
        name="mcp_gateway_connections",
        kind="gauge",
        labels=("state",),
        meaning="Connections of clients: a request is read, is being answered, or none is open.",
    ),
)
