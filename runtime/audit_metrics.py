"""The metrics of the audit log, which only a server with the section `[audit]` exports."""

from __future__ import annotations

from typing import get_args

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from .audit_results import AuditResults
from .audit_row import Event

SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 3)


class AuditMetrics:
    """What a server has written to the audit log, and what it could not."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.rows = Counter(
            "mcp_audit_rows", "Rows committed to the audit log.", ["event"], registry=registry
        )
        self.lost = Counter(
            "mcp_audit_lost",
            "Rows that are not in the audit log: too many waited, or the process stopped.",
            ["reason"],
            registry=registry,
        )
        for event in get_args(Event):
            self.rows.labels(event)
        for reason in ("full", "stopped"):
            self.lost.labels(reason)
        self.refused = Counter(
            "mcp_audit_refused",
            "Calls refused because their row was not committed.",
            registry=registry,
        )
        self.waiting = Gauge(
            "mcp_audit_waiting", "Rows that wait for the database.", registry=registry
        )
        self.seconds = Histogram(
            "mcp_audit_write_duration_seconds",
            "From a statement with rows to its commit.",
            buckets=SECONDS,
            registry=registry,
        )
        self.seq = Gauge(
            "mcp_audit_seq",
            "Number of the last row that this server has written.",
            registry=registry,
        )
        self.results = AuditResults(registry)
