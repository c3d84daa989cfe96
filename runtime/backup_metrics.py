"""The metrics of backups and drills, of the database and of volumes, from their jobs' results."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from prometheus_client import CollectorRegistry, Metric
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

if TYPE_CHECKING:
    import psycopg

TABLE_EXISTS: Final = "SELECT to_regclass('public.backup_results') IS NOT NULL"
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
VOLUME_TABLE_EXISTS: Final = "SELECT to_regclass('public.volume_results') IS NOT NULL"
VOLUMES: Final = """
SELECT
    volume,
    extract(epoch FROM max(taken_at) FILTER (WHERE kind = 'backup')),
    extract(epoch FROM max(at) FILTER (WHERE kind = 'drill' AND outcome = 'passed')),
    (array_agg(seconds ORDER BY at DESC) FILTER (WHERE kind = 'drill' AND outcome = 'passed'))[1],
    (array_agg(outcome = 'passed' ORDER BY at DESC) FILTER (WHERE kind = 'drill'))[1]
FROM public.volume_results GROUP BY volume ORDER BY volume
"""


@dataclass(frozen=True)
class VolumeResults:
    """What the jobs have written of a volume; None where there is none yet.

    Attributes:
        taken_at: time of the newest backup, in seconds since 1970.
        passed_at: end of the last drill that passed.
        seconds: duration of that drill.
        passed: whether the last drill passed.
    """

    taken_at: float | None
    passed_at: float | None
    seconds: float | None
    passed: bool | None


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
        self.volumes: dict[str, VolumeResults] = {}
        registry.register(self)

    async def look(self, connection: psycopg.AsyncConnection[Any]) -> None:
        """Read the newest results."""
        await self._look_at_volumes(connection)
        cursor = await connection.execute(TABLE_EXISTS)
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

    async def _look_at_volumes(self, connection: psycopg.AsyncConnection[Any]) -> None:
        cursor = await connection.execute(VOLUME_TABLE_EXISTS)
        if await cursor.fetchone() != (True,):
            self.volumes = {}
            return
        rows = await (await connection.execute(VOLUMES)).fetchall()
        self.volumes = {}
        for volume, *numbers, passed in rows:
            taken_at, passed_at, seconds = (
                None if number is None else float(number) for number in numbers
            )
            self.volumes[volume] = VolumeResults(taken_at, passed_at, seconds, passed)

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
        yield from self._of_volumes(now)

    def _of_volumes(self, now: float) -> Iterator[Metric]:
        families = [
            (GaugeMetricFamily(name, documentation, labels=["volume"]), value)
            for name, documentation, value in _VOLUME_METRICS
        ]
        for volume, found in self.volumes.items():
            for family, value in families:
                if (number := value(found, now)) is not None:
                    family.add_metric([volume], number)
        yield from (family for family, _ in families if family.samples)


def _since(now: float, moment: float | None) -> float | None:
    return None if moment is None else max(0.0, now - moment)


_VOLUME_METRICS: Final[
    tuple[tuple[str, str, Callable[[VolumeResults, float], float | None]], ...]
] = (
    (
        "mcp_volume_backup_age_seconds",
        "Since the newest backup of the volume.",
        lambda found, now: _since(now, found.taken_at),
    ),
    (
        "mcp_volume_drill_passed",
        "1 if the last drill of the volume passed.",
        lambda found, _: None if found.passed is None else float(found.passed),
    ),
    (
        "mcp_volume_drill_age_seconds",
        "Since the last drill of the volume that passed.",
        lambda found, now: _since(now, found.passed_at),
    ),
    (
        "mcp_volume_drill_seconds",
        "Duration of the last drill of the volume that passed.",
        lambda found, _: found.seconds,
    ),
)
