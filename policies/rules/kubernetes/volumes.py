"""Volumes of a cluster."""

from __future__ import annotations

from typing import Final

from ...finding import Severity
from ...rule import Required

REQUIRED: Final = (
    Required(
        id="k8s-volume-001",
        severity=Severity.HIGH,
        reference="https://kubernetes.io/docs/concepts/storage/volumes/#hostpath",
        on="kubernetes:core/v1:PersistentVolume",
        path="spec.hostPath",
        allowed=(),
        absent=True,
        consequence="pods that mount it could read and change files of the node",
        fix="use a volume of a CSI driver, or local with a node affinity",
    ),
)
