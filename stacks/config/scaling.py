"""Section `scaling`: scale by service name."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BeforeValidator, Field

from components.kubernetes.keda import ServerMetric

from .forms import Bytes, Cpu, DnsLabel, refusal
from .section import Section

Average = Annotated[int, Field(ge=1, le=1_000_000)]


def _not_auto(mode: object) -> object:
    if mode == "Auto":
        raise refusal(
            "is 'Auto', a deprecated name of Recreate",
            "a later Vertical Pod Autoscaler refuses it",
            "write InPlaceOrRecreate (Kubernetes 1.33 or newer) or Recreate",
        )
    return mode


class ScalingPace(Section):
    """How fast the autoscaler may change the number of pods: percent, pods or both."""

    window: int = Field(
        ge=0,
        le=3600,
        description="Stabilization window in seconds.",
    )
    percent: int | None = Field(
        default=None,
        ge=1,
        le=1000,
        description="Largest change in one period, in percent of the pods.",
    )
    pods: int | None = Field(
        default=None, ge=1, le=1000, description="Largest change in one period, in pods."
    )
    select: Literal["Max", "Min"] = Field(
        default="Max",
        description="With percent and pods: Max allows the larger change, Min the smaller.",
    )
    period: int = Field(default=60, ge=1, le=1800, description="Length of a period in seconds.")


class Targets(Section):
    """What the number of pods follows: use of what was requested, in percent."""

    cpu: int | None = Field(default=None, ge=1, le=1000, description="Absent: CPU does not count.")
    memory: int | None = Field(
        default=None, ge=1, le=1000, description="Absent: memory does not count."
    )


class CpuRange(Section):
    """Smallest and largest CPU request."""

    min: Cpu = Field(description="Smallest request.")
    max: Cpu = Field(description="Largest request.")


class MemoryRange(Section):
    """Smallest and largest memory request."""

    min: Bytes = Field(description="Smallest request.")
    max: Bytes = Field(description="Largest request.")


class ContainerRange(Section):
    """Requests of one container between bounds."""

    cpu: CpuRange | None = Field(default=None, description="Absent: it stays as it is.")
    memory: MemoryRange | None = Field(default=None, description="Absent: it stays as it is.")


class Vertical(Section):
    """Requests that the Vertical Pod Autoscaler sets by use; the cluster must run it."""

    mode: Annotated[
        Literal["Off", "Initial", "Recreate", "InPlaceOrRecreate"], BeforeValidator(_not_auto)
    ] = Field(
        description="Off: recommendations only; Initial: new pods; Recreate: running pods too, by "
        "eviction; InPlaceOrRecreate: in place where that is possible (Kubernetes 1.33)."
    )
    cpu: CpuRange | None = Field(
        default=None, description="CPU request of the main container; absent: it stays as it is."
    )
    memory: MemoryRange | None = Field(
        default=None, description="Memory request of the main container; absent: it stays as it is."
    )
    containers: dict[DnsLabel, ContainerRange] = Field(
        default={}, description="Bounds of further containers, such as gateway of the monolith."
    )
    controlled_values: Literal["RequestsOnly", "RequestsAndLimits"] = Field(
        default="RequestsOnly",
        description="RequestsAndLimits: limits keep their ratio to the requests.",
    )
    evict_single_pod: bool = Field(
        default=False,
        description="Whether the only pod may be evicted, which interrupts the service.",
    )


class ServiceScale(Section):
    """How many pods a service has: ``replicas``, or ``min`` and ``max`` with autoscaling."""

    replicas: int | None = Field(default=None, ge=1, le=1000, description="Fixed number of pods.")
    min: int | None = Field(default=None, ge=1, le=1000, description="Fewest pods.")
    max: int | None = Field(default=None, ge=1, le=1000, description="Most pods.")
    up: ScalingPace | None = Field(
        default=None, description="Pace of scaling up; absent: the topology's."
    )
    down: ScalingPace | None = Field(
        default=None, description="Pace of scaling down; absent: the topology's."
    )
    targets: Targets | None = Field(
        default=None, description="Targets of the autoscaler; absent: the topology's."
    )
    metrics: dict[ServerMetric, Average] = Field(
        default={},
        description="Averages for each pod of metrics that the servers export, for KEDA; they "
        "count together with the targets.",
    )
    consensus_latency_milliseconds: int | None = Field(
        default=None,
        ge=1,
        le=60_000,
        description="Latency of the exchange between the QuDAG nodes above which KEDA adds pods; "
        "absent: it does not count.",
    )
    vertical: Vertical | None = Field(
        default=None, description="Vertical scaling of requests; absent: they stay as they are."
    )
    cpu: Cpu | None = Field(default=None, description="CPU request of each pod.")
    memory: Bytes | None = Field(default=None, description="Memory request of each pod.")
    cpu_limit: Cpu | None = Field(default=None, description="CPU limit of each pod.")
    memory_limit: Bytes | None = Field(default=None, description="Memory limit of each pod.")
    workers: int | None = Field(
        default=None,
        ge=1,
        le=64,
        description="Server processes of each pod, for a CPU limit above one core; absent: 1.",
    )
    ephemeral_storage: Bytes | None = Field(
        default=None, description="Request of each pod for its node's disk."
    )
    ephemeral_storage_limit: Bytes | None = Field(
        default=None, description="Disk limit of each pod: logs and writable directories."
    )

    @property
    def asks_prometheus(self) -> bool:
        """Whether the service is scaled by what Prometheus has."""
        return bool(self.metrics) or self.consensus_latency_milliseconds is not None
