"""CPU, memory and disk requests and limits of a container."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

from ..base.arg_types import ByteSize, CpuQuantity

COUNTED: Final = {"cpu": "cpu", "memory": "memory", "ephemeral_storage": "ephemeral-storage"}
"""The resources of a container: our field, and Kubernetes' name. A limit is ``<field>_limit``."""


@dataclass(frozen=True, kw_only=True)
class Resources:
    """CPU, memory and disk requests and limits of a container, in Kubernetes quantities.

    Attributes:
        cpu: CPU request.
        memory: memory request.
        cpu_limit: CPU limit; above it the container is throttled.
        memory_limit: memory limit; above it the container is killed.
        ephemeral_storage: request for the node's disk: logs and writable directories.
        ephemeral_storage_limit: disk limit; above it the pod is evicted.
    """

    cpu: CpuQuantity = "100m"
    memory: ByteSize = "128Mi"
    cpu_limit: CpuQuantity = "500m"
    memory_limit: ByteSize = "512Mi"
    ephemeral_storage: ByteSize = "64Mi"
    ephemeral_storage_limit: ByteSize = "1Gi"

    def spec(self) -> dict[str, Any]:
        """The ``resources`` of a Kubernetes container."""
        return {
            "requests": {name: getattr(self, field) for field, name in COUNTED.items()},
            "limits": {name: getattr(self, f"{field}_limit") for field, name in COUNTED.items()},
        }


EXPORTER_RESOURCES: Final = Resources(
    cpu="50m", memory="64Mi", cpu_limit="100m", memory_limit="128Mi"
)
"""Of an exporter of metrics beside another program."""
