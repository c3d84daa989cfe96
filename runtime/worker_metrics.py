"""The metrics of several worker processes as those of one server.

Counters and histograms are sums, which keep what ended workers have counted: Prometheus would take
a smaller value for a restart.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Final

from prometheus_client import CollectorRegistry, Metric
from prometheus_client.registry import Collector

Sample = tuple[str, dict[str, str], float]
Family = tuple[str, str, str, Sequence[Sample]]
"""Name, help, type and samples."""
Families = Sequence[Family]
Key = tuple[str, tuple[tuple[str, str], ...]]

CUMULATIVE: Final = frozenset({"counter", "histogram", "summary"})
COMBINED: Final[dict[str, Callable[[Iterable[float]], float]]] = {
    "mcp_draining": max,
    "mcp_audit_seq": max,
    "mcp_audit_exported": min,
    "mcp_audit_exported_age_seconds": min,
    "mcp_audit_verified": min,
    "mcp_audit_verified_age_seconds": min,
    "mcp_backup_age_seconds": min,
    "mcp_restore_drill_age_seconds": min,
    "mcp_restore_drill_passed": min,
    "mcp_restore_drill_recovery_point_seconds": max,
    "mcp_restore_drill_recovery_time_seconds": max,
    "mcp_volume_backup_age_seconds": min,
    "mcp_volume_drill_age_seconds": min,
    "mcp_volume_drill_passed": min,
    "mcp_volume_drill_seconds": max,
    "mcp_dependency_up": min,
    "mcp_issuer_keys_readable": min,
    "mcp_secret_age_seconds": min,
    "process_start_time_seconds": min,
    "python_info": max,
}
"""How gauges are combined that are not sums."""


def families_of(registry: CollectorRegistry) -> Families:
    """The metrics of this process, as values that JSON can hold."""
    return [
        (
            family.name,
            family.documentation,
            family.type,
            [(sample.name, sample.labels, sample.value) for sample in family.samples],
        )
        for family in registry.collect()
    ]


class WorkerMetrics(Collector):
    """The combined metrics of the parent and its workers.

    Attributes:
        own: the parent's registry.
        living: returns the last metrics of each running worker.
        ended: by family, the cumulative metrics of all workers that have ended.
    """

    def __init__(self, own: CollectorRegistry, living: Callable[[], Iterable[Families]]) -> None:
        self.own = own
        self.living = living
        self.ended: Families = []

    def keep(self, families: Families) -> None:
        """Keep the cumulative metrics of a worker that has ended."""
        cumulative = [family for family in families if family[2] in CUMULATIVE]
        self.ended = list(combined([self.ended, cumulative]))

    def kept(self, name: str) -> float:
        """What ended workers have counted under the name of a sample, over all labels."""
        return sum(
            value for *_, samples in self.ended for sample, _, value in samples if sample == name
        )

    def collect(self) -> Iterator[Metric]:
        """As `Collector.collect`."""
        for name, documentation, kind, samples in combined(
            [families_of(self.own), self.ended, *self.living()]
        ):
            metric = Metric(name, documentation, kind)
            for sample in samples:
                metric.add_sample(*sample)
            yield metric


def combined(sources: Iterable[Families]) -> Iterator[Family]:
    """One family for each name, with one sample for each name and labels."""
    heads: dict[str, tuple[str, str]] = {}
    values: dict[str, dict[Key, list[float]]] = {}
    for family in (family for families in sources for family in families):
        name, documentation, kind, samples = family
        heads.setdefault(name, (documentation, kind))
        found = values.setdefault(name, {})
        for sample, labels, value in samples:
            found.setdefault((sample, tuple(labels.items())), []).append(value)
    for name, (documentation, kind) in heads.items():
        samples = [
            (sample, dict(labels), _combination(name, kind, sample)(each))
            for (sample, labels), each in values[name].items()
        ]
        yield name, documentation, kind, samples


def _combination(family: str, kind: str, sample: str) -> Callable[[Iterable[float]], float]:
    if sample.endswith("_created"):
        return min
    if kind == "info":
        return max
    return COMBINED.get(family, sum)
