"""The metrics of backups and restore drills, from the results that their jobs write."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from prometheus_client import CollectorRegistry, Metric
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

if TYPE_CHECKING:
    import psycopg

IS_THERE: Final = "SELECT to_regclass('public.backup_results') IS NOT NULL"
RESULTS: Final = """
SELECT
    (SELECT extract(epoch FROM max(taken_at)) FROM public.backup_results WHERE kind = 'backup'),
    extract(epoch FROM passed.at), passed.age_seconds, passed.seconds, last.outcome = 'passed'
FROM (SELECT 1) AS one
LEFT JOIN LATERAL (
    SELECT at, age_seconds, seconds FROM public.backup_results
    WHERE kind = 'drill' AND outcome = 'passed' ORDER BY at DESC LIMIT 1
) AS passed ON true
LEFT JOIN LATERAL (
    SELECT outcome FROM public.backup_results WHERE kind = 'drill' ORDER BY at DESC LIMIT 1
) AS last ON true
"""


@dataclass(frozen=True)
class Results:
    """What the jobs have written; None where there is none yet.

    Attributes:
        taken_at: time of the newest backup, in seconds since 1970.
        passed_at: end of the last drill that passed.
        recovery_point, recovery_time: of that drill, in seconds.
        passed: whether the last drill passed.
    """

    taken_at: float | None = None
    passed_at: float | None = None
    recovery_point: float | None = None
    recovery_time: float | None = None
    passed: bool | None = None


class BackupMetrics(Collector):
    """Exports what is known; nothing in a platform without backups."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.results = Results()
        registry.register(self)

    async def look(self, connection: psycopg.AsyncConnection[Any]) -> None:
        """Read the newest results."""
        cursor = await connection.execute(IS_THERE)
        if await cursor.fetchone() != (True,):
            self.results = Results()
            return
        row = await (await connection.execute(RESULTS)).fetchone()
        if row is not None:
            *numbers, passed = row
            taken_at, passed_at, point, seconds = (
                None if number is None else float(number) for number in numbers
            )
            self.results = Results(taken_at, passed_at, point, seconds, passed)

    def collect(self) -> Iterator[Metric]:
        """As `Collector.collect`; ages grow between two reads."""
        now, found = time.time(), self.results
        values = (
            (
                "mcp_backup_age_seconds",
                "Since the snapshot of the newest backup.",
                _since(now, found.taken_at),
            ),
            (
                "mcp_restore_drill_passed",
                "1 if the last restore drill passed.",
                None if found.passed is None else float(found.passed),
            ),
            (
                "mcp_restore_drill_age_seconds",
                "Since the last restore drill that passed.",
                _since(now, found.passed_at),
            ),
            (
                "mcp_restore_drill_recovery_point_seconds",
                "Age of the backup in the last restore drill that passed.",
                found.recovery_point,
            ),
            (
                "mcp_restore_drill_recovery_time_seconds",
                "Duration of the last restore drill that passed.",
                found.recovery_time,
            ),
        )
        for name, documentation, value in values:
            if value is not None:
                yield GaugeMetricFamily(name, documentation, value=value)


def _since(now: float, moment: float | None) -> float | None:
    return None if moment is None else max(0.0, now - moment)
