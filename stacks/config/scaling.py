"""Section `scaling`: scale by service name."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from .forms import Bytes, Cpu
from .section import Section


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
