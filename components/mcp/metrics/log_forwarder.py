"""Metrics of the forwarder of log lines to Elasticsearch or OpenSearch."""

from __future__ import annotations

from functools import partial
from typing import Final

from .exported_metric import ExportedMetric

_forwarder = partial(ExportedMetric, exporters=("log_forwarder",))

LOG_FORWARDER: Final = (
    _forwarder(
        name="mcp_log_requests_total",
        kind="counter",
        labels=("status",),
        meaning="Requests of collectors answered.",
    ),
    _forwarder(
        name="mcp_log_requests_unanswered",
        kind="gauge",
        meaning="Requests of collectors that are being stored, or wait for others.",
    ),
    _forwarder(
        name="mcp_log_lines_total",
        kind="counter",
        labels=("outcome",),
        meaning="Lines that the store has stored, or has refused for good.",
    ),
    _forwarder(
        name="mcp_log_store_duration_seconds",
        kind="histogram",
        unit="seconds",
        meaning="From a request with lines to the answer of the store or to a timeout or error.",
    ),
    _forwarder(
        name="mcp_log_store_up",
        kind="gauge",
        meaning="1 if the store answered the last request without an error in time, else 0.",
    ),
    _forwarder(
        name="mcp_log_retention_age_seconds",
        kind="gauge",
        unit="seconds",
        meaning="Since the last run of log-retention that succeeded.",
    ),
)
