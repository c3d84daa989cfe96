"""The args that the stores of log lines and of traces have in common."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

import pulumi

from ..base.arg_types import ByteSize, DnsLabel, Image, ObjectName, SecretName
from ..kubernetes.exposure import IpFamilies
from ..kubernetes.pod_settings import PodSettings
from ..kubernetes.resources import Resources

RESOURCES: Final = Resources(cpu="100m", memory="256Mi", cpu_limit="1", memory_limit="1Gi")


@dataclass(frozen=True, kw_only=True)
class StoreArgs:
    """Args of a store with one pod and a volume.

    Attributes:
        namespace: of the store.
        storage_class: of the volume; None for the cluster's default.
        protect: refuse to delete the volume.
        resources: of the store.
        ip_families: see Exposure.
        pods: settings of the pod.
    """

    namespace: pulumi.Input[DnsLabel]
    image: pulumi.Input[Image]
    tls_secret: SecretName
    size: ByteSize = "10Gi"
    storage_class: ObjectName | None = None
    protect: bool = False
    resources: Resources = RESOURCES
    ip_families: IpFamilies = "PreferDualStack"
    pods: PodSettings = field(default_factory=PodSettings)
