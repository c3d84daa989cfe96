"""Results of the audit log's job: it writes them into the database, and servers export them."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Literal

from prometheus_client import CollectorRegistry, Metric
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

if TYPE_CHECKING:
    import psycopg

Kind = Literal["verified", "exported"]
TABLE_EXISTS: Final = "SELECT to_regclass('audit.results') IS NOT NULL"
RESULTS: Final = "SELECT kind, passed, extract(epoch FROM passed_at) FROM audit.results"
RECORD: Final = """
INSERT INTO audit.results AS found (kind, passed, passed_at)
VALUES (%(kind)s, %(passed)s, CASE WHEN %(passed)s THEN now() END)
ON CONFLICT (kind) DO UPDATE SET
    at = now(), passed = excluded.passed,
    passed_at = coalesce(excluded.passed_at, found.passed_at)
"""
GAUGES: Final[dict[Kind, tuple[str, str, str, str]]] = {
    "verified": (
        "mcp_audit_verified",
        "1 if the last verification found every row of the audit log as it was written.",
        "mcp_audit_verified_age_seconds",
        "Since the last verification that found every row of the audit log as it was written.",
    ),
    "exported": (
        "mcp_audit_exported",
        "1 if the last run found every closed month of the audit log in the bucket.",
        "mcp_audit_exported_age_seconds",
        "Since the last run that found every closed month of the audit log in the bucket.",
    ),
}
"""By kind: name and help of the gauge of the last result, and of the age of the last good one."""


def record(connection: psycopg.Connection[tuple[Any, ...]], kind: Kind, *, passed: bool) -> None:
    """Write a result in place of the last one of its kind."""
    with connection.transaction():
        connection.execute(RECORD, {"kind": kind, "passed": passed})


@dataclass(frozen=True)
class Result:
    """The last result of a kind.

    Attributes:
        passed: whether it was good.
        passed_at: when one was last good, in seconds since 1970; None: never.
    """

    passed: bool
    passed_at: float | None


class AuditResults(Collector):
    """Exports what is known; nothing before the job has run for the first time."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.found: dict[str, Result] = {}
        registry.register(self)

    async def look(self, connection: psycopg.AsyncConnection[Any]) -> None:
        """Read the newest results."""
        cursor = await connection.execute(TABLE_EXISTS)
        if await cursor.fetchone() != (True,):
            self.found = {}
            return
        rows = await (await connection.execute(RESULTS)).fetchall()
        self.found = {
            kind: Result(passed, None if at is None else float(at)) for kind, passed, at in rows
        }

    def collect(self) -> Iterator[Metric]:
        """As `Collector.collect`; ages grow between two reads."""
        for kind, (name, meaning, age, meaning_of_age) in GAUGES.items():
            if (result := self.found.get(kind)) is None:
                continue
            yield GaugeMetricFamily(name, meaning, value=float(result.passed))
            if result.passed_at is not None:
                since = max(0.0, time.time() - result.passed_at)
                yield GaugeMetricFamily(age, meaning_of_age, value=since)
