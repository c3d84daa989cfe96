"""Panels about log lines on their way to Elasticsearch or OpenSearch."""

from __future__ import annotations

from typing import Final

from .dashboard import Panel, Query, Section, Unit
from .queries import gauge, quantile, rate

LINES: Final = Panel(
    title="Log lines",
    meaning="Lines that Elasticsearch or OpenSearch has stored, or has refused for good.",
    unit=Unit.PER_SECOND,
    queries=[Query(expr=rate("mcp_log_lines_total", by=("outcome",)), legend="{{outcome}}")],
)
FORWARDER: Final = Panel(
    title="Requests of log collectors",
    meaning="By status: after 503 lines are sent again, after 400 some are dropped.",
    unit=Unit.PER_SECOND,
    queries=[Query(expr=rate("mcp_log_requests_total", by=("status",)), legend="{{status}}")],
)
STORE: Final = Panel(
    title="Time to store log lines",
    meaning="From a request with lines to the answer of Elasticsearch or OpenSearch.",
    unit=Unit.SECONDS,
    queries=[
        Query(expr=quantile(0.5, "mcp_log_store_duration_seconds"), legend="median"),
        Query(expr=quantile(0.95, "mcp_log_store_duration_seconds"), legend="95th percentile"),
    ],
)
UNANSWERED: Final = Panel(
    title="Log lines that wait",
    meaning="Requests that wait in the forwarder, and whether the store accepts lines (1).",
    unit=Unit.NUMBER,
    queries=[
        Query(expr=gauge("mcp_log_requests_unanswered"), legend="requests"),
        Query(expr=gauge("mcp_log_store_up", how="min"), legend="the store takes lines"),
    ],
)
RETENTION: Final = Panel(
    title="Age of the last log retention",
    meaning="Since the last successful run of the job that deletes old lines.",
    unit=Unit.SECONDS,
    queries=[Query(expr=gauge("mcp_log_retention_age_seconds", how="min"), legend="age")],
)
LOGS: Final = Section(title="Log lines", panels=[LINES, FORWARDER, STORE, UNANSWERED, RETENTION])
