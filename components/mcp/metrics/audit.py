"""Metrics of the audit log, and of the job that verifies and exports it."""

from __future__ import annotations

from functools import partial
from typing import Final

from .exported_metric import ExportedMetric

_audit = partial(ExportedMetric, exporters=("audit",))
_audit_results = partial(ExportedMetric, exporters=("audit_results",))

AUDIT: Final = (
    _audit(
        name="mcp_audit_rows_total",
        kind="counter",
        labels=("event",),
        meaning="Rows committed to the audit log.",
    ),
    _audit(
        name="mcp_audit_lost_total",
        kind="counter",
        labels=("reason",),
        meaning="Rows that are not in the audit log: too many waited, or the process stopped.",
    ),
    _audit(
        name="mcp_audit_refused_total",
        kind="counter",
        meaning="Calls refused because their row was not committed.",
    ),
    _audit(name="mcp_audit_waiting", kind="gauge", meaning="Rows that wait for the database."),
    _audit(
        name="mcp_audit_write_duration_seconds",
        kind="histogram",
        unit="seconds",
        meaning="From a statement with rows to its commit.",
    ),
    _audit(
        name="mcp_audit_seq",
        kind="gauge",
        meaning="Number of the last row that this server has written.",
    ),
)

AUDIT_RESULTS: Final = (
    _audit_results(
        name="mcp_audit_verified",
        kind="gauge",
        meaning="1 if the last verification found every row of the audit log as it was written.",
    ),
    _audit_results(
        name="mcp_audit_verified_age_seconds",
        kind="gauge",
        unit="seconds",
        meaning=(
            "Since the last verification that found every row of the audit log as it was written."
        ),
    ),
    _audit_results(
        name="mcp_audit_exported",
        kind="gauge",
        meaning="1 if the last run found every closed month of the audit log in the bucket.",
    ),
    _audit_results(
        name="mcp_audit_exported_age_seconds",
        kind="gauge",
        unit="seconds",
        meaning="Since the last run that found every closed month of the audit log in the bucket.",
    ),
)
