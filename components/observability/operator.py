"""Objects of the Prometheus Operator, by which a Prometheus of yours reads the platform."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ..base.arg_types import LabelKey, LabelValue
from ..base.component import Component
from ..base.kubernetes_object import Manifest, metadata, register
from ..base.problems import Problem
from ..kubernetes.labels import OWN_LABELS, OWN_PREFIXES, labels
from .rules.targets import EXPORTER, JOB
from .targets import METRICS_PATH, SAMPLE_LIMIT, ScrapeSeconds, ScrapeTarget, target_problems

COMPONENT = "monitoring"


@dataclass(frozen=True, kw_only=True)
class OperatorObservabilityArgs:
    """Args of ``OperatorObservability``.

    Attributes:
        targets: what exports metrics.
        labels: labels of the objects, by which the Prometheus selects them.
        scrape_seconds: time between two reads of a target.
    """

    targets: Sequence[ScrapeTarget]
    labels: Mapping[LabelKey, LabelValue] = field(default_factory=dict[str, str])
    scrape_seconds: ScrapeSeconds = 30

    def refusals(self) -> list[Problem]:
        """Problems of the targets, and labels that the component sets itself."""
        problems = list(target_problems(self.targets))
        problems += [
            Problem(
                f"labels.{key}",
                "is set by the component",
                "one of the two values would be lost",
                "leave it out, or use a name of your own",
            )
            for key in self.labels
            if key in OWN_LABELS or key.startswith(OWN_PREFIXES)
        ]
        return problems


class OperatorObservability(Component[OperatorObservabilityArgs]):
    """A PodMonitor for each target.

    The Prometheus Operator must run in the cluster. Its Prometheus must select these objects, and
    network policies must let it connect to the ports.
    """

    args_type = OperatorObservabilityArgs

    def build(self, args: OperatorObservabilityArgs) -> None:
        for manifest in self.manifests(self.name, args):
            register(self, manifest)

    @classmethod
    def manifests(cls, name: str, args: OperatorObservabilityArgs) -> list[Manifest]:
        """Every object that a component of this name and args registers."""
        del name
        return [
            Manifest(
                kind="PodMonitor",
                role=f"{target.name}-metrics",
                metadata=metadata(
                    target.name,
                    namespace=target.namespace,
                    labels={**labels(target.name, COMPONENT), **args.labels},
                ),
                fields={"spec": pod_monitor_spec(target, args.scrape_seconds)},
            )
            for target in args.targets
        ]


def pod_monitor_spec(target: ScrapeTarget, scrape_seconds: int) -> dict[str, Any]:
    """The spec of the PodMonitor of a target, in whose namespace it is."""
    return {
        "selector": {"matchLabels": dict(target.labels)},
        "sampleLimit": SAMPLE_LIMIT,
        "podMetricsEndpoints": [
            {
                "port": port,
                "path": METRICS_PATH,
                "interval": f"{scrape_seconds}s",
                # The operator's own job is namespace/name, which no rule could know.
                "relabelings": [
                    {"action": "replace", "targetLabel": label, "replacement": value}
                    for label, value in ((JOB, target.name), (EXPORTER, exporter))
                ],
            }
            for port, exporter in target.ports.items()
        ],
    }
