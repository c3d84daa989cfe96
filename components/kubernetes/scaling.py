"""Autoscaling of a workload: targets, bounds and speed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from ..base.arg_types import (
    Delay,
    DnsLabel,
    MetricName,
    MetricTarget,
    Percent,
    Quantity,
    Replicas,
    Seconds,
    Utilization,
)
from ..base.problems import Problem
from .keda import ConsensusLatency, Prometheus, ServerMetric


@dataclass(frozen=True, kw_only=True)
class PodMetric:
    """A metric of each pod, averaged.

    The reference server exports none of this kind. While a metric cannot be read, an autoscaler
    removes no pods: something must export it, and a metrics adapter of yours must serve it.

    Attributes:
        name: for example ``http_requests_per_second``.
        average: target value for each pod, as a Kubernetes quantity.
    """

    name: MetricName
    average: Quantity


@dataclass(frozen=True, kw_only=True)
class ObjectMetric:
    """A metric of one Service, such as ``qudag_consensus_latency``; see ``PodMetric``.

    Attributes:
        name: name of the metric.
        service: the Service that the metric describes.
        value: the target, as a Kubernetes quantity (``100m`` of a second is 100 ms).
    """

    name: MetricName
    service: DnsLabel
    value: Quantity


@dataclass(frozen=True, kw_only=True)
class Pace:
    """How fast the number of pods may change.

    Attributes:
        window: stabilization window in seconds.
        percent: largest change in one period, in percent of the running pods.
        pods: largest change in one period, in pods.
        select: which of the two holds if both are given: the one that allows the larger change
            (``Max``) or the smaller.
        period: length of a period in seconds.
    """

    window: Delay
    percent: Percent | None = None
    pods: Replicas | None = None
    select: Literal["Max", "Min"] = "Max"
    period: Seconds = 60

    def refusals(self) -> Iterator[Problem]:
        """A pace without any limit."""
        if self.percent is None and self.pods is None:
            yield Problem(
                "percent",
                "is missing, and so is pods",
                "the API server refuses the autoscaler",
                "set percent, pods or both",
            )


@dataclass(frozen=True, kw_only=True)
class Autoscaling:
    """Bounds and targets of a HorizontalPodAutoscaler, or with ``metrics`` of a ScaledObject.

    A ScaledObject needs KEDA in the cluster, which turns it into an autoscaler.

    Attributes:
        min: fewest pods.
        max: most pods.
        cpu, memory: target use of what was requested, in percent; None for no target.
        container: the container whose use of CPU and memory counts; None: all of the pod's.
        pod_metrics, object_metrics: targets that a metrics adapter of yours serves.
        metrics: averages for each pod of metrics that the servers export, which KEDA queries
            from Prometheus: requests a second, tool calls in flight, open streams and WebSockets.
        consensus: the latency of the QuDAG nodes' exchange that counts as well, by KEDA too.
        prometheus: which KEDA queries for ``metrics`` and ``consensus``.
        up: speed of scaling up; the default is that of the deployment patterns' gateway.
        down: speed of scaling down; the default is that of the deployment patterns' gateway.
    """

    min: Replicas
    max: Replicas
    cpu: Utilization | None = 70
    memory: Utilization | None = 80
    container: DnsLabel | None = None
    pod_metrics: Sequence[PodMetric] = ()
    object_metrics: Sequence[ObjectMetric] = ()
    metrics: Mapping[ServerMetric, MetricTarget] = field(default_factory=dict[ServerMetric, int])
    consensus: ConsensusLatency | None = None
    prometheus: Prometheus | None = None
    up: Pace = field(default_factory=lambda: Pace(window=60, percent=50))
    down: Pace = field(default_factory=lambda: Pace(window=300, percent=10))

    @property
    def asks_prometheus(self) -> bool:
        """Whether it is a ScaledObject, by what Prometheus has."""
        return bool(self.metrics) or self.consensus is not None

    @property
    def has_a_target(self) -> bool:
        """Whether anything says when there are too few pods."""
        use = (self.cpu, self.memory)
        named = (self.pod_metrics, self.object_metrics, self.asks_prometheus)
        return any(one is not None for one in use) or any(named)

    def refusals(self) -> Iterator[Problem]:
        """Metrics without a Prometheus, the reverse, and metrics of two kinds."""
        followed = "metrics" if self.metrics else "consensus"
        if self.asks_prometheus and self.prometheus is None:
            yield Problem(
                "prometheus",
                f"is missing, and {followed} is set",
                "nothing could read the metrics",
                "set prometheus to Prometheus(address=...)",
            )
        if self.prometheus and not self.asks_prometheus:
            yield Problem(
                "prometheus",
                "is set, and metrics is empty",
                "it would have no effect",
                "name a metric, or leave it out",
            )
        for name in ("pod_metrics", "object_metrics"):
            if self.asks_prometheus and getattr(self, name):
                yield Problem(
                    name,
                    f"is set, and {followed} as well",
                    "a ScaledObject has no metrics of an adapter",
                    "leave one of the two out",
                )

    @property
    def behavior(self) -> dict[str, Any]:
        """The speed of scaling, as autoscaling/v2 has it."""
        return {"scaleUp": _pace(self.up), "scaleDown": _pace(self.down)}


def autoscaler_spec(target: str, kind: str, scaling: Autoscaling) -> dict[str, Any]:
    """The autoscaling/v2 spec that scales the ``kind`` (Deployment, StatefulSet) ``target``."""
    use = {"cpu": scaling.cpu, "memory": scaling.memory}
    metrics = [
        _use(name, percent, scaling.container)
        for name, percent in use.items()
        if percent is not None
    ]
    metrics += [
        {
            "type": "Pods",
            "pods": {
                "metric": {"name": metric.name},
                "target": {"type": "AverageValue", "averageValue": metric.average},
            },
        }
        for metric in scaling.pod_metrics
    ]
    metrics += [
        {
            "type": "Object",
            "object": {
                "metric": {"name": metric.name},
                "target": {"type": "Value", "value": metric.value},
                "describedObject": {"apiVersion": "v1", "kind": "Service", "name": metric.service},
            },
        }
        for metric in scaling.object_metrics
    ]
    return {
        "scaleTargetRef": {"apiVersion": "apps/v1", "kind": kind, "name": target},
        "minReplicas": scaling.min,
        "maxReplicas": scaling.max,
        "metrics": metrics,
        "behavior": scaling.behavior,
    }


def _use(resource: str, percent: int, container: str | None) -> dict[str, Any]:
    target = {"type": "Utilization", "averageUtilization": percent}
    if container is None:
        return {"type": "Resource", "resource": {"name": resource, "target": target}}
    counted = {"name": resource, "container": container, "target": target}
    return {"type": "ContainerResource", "containerResource": counted}


def _pace(pace: Pace) -> dict[str, Any]:
    values = {"Percent": pace.percent, "Pods": pace.pods}
    policies = [
        {"type": kind, "value": value, "periodSeconds": pace.period}
        for kind, value in values.items()
        if value is not None
    ]
    return {
        "stabilizationWindowSeconds": pace.window,
        "policies": policies,
        **({"selectPolicy": pace.select} if len(policies) > 1 else {}),
    }
