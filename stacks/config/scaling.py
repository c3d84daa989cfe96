"""Section `scaling`: scale by service name."""

from __future__ import annotations

from pydantic import Field

from .forms import Bytes, Cpu
from .section import Section


class ServiceScale(Section):
    """How many pods a service has: ``replicas``, or ``min`` and ``max`` with autoscaling."""

    replicas: int | None = Field(default=None, ge=1, le=1000, description="Fixed number of pods.")
    min: int | None = Field(default=None, ge=1, le=1000, description="Fewest pods.")
    max: int | None = Field(default=None, ge=1, le=1000, description="Most pods.")
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
