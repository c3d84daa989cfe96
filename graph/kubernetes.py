"""Kubernetes objects as the risk rules read them: kind, namespace, pods, containers, quantities."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from components.base import quantities

from .object_names import object_name
from .resource_graph import Resource
from .tree import branch, dig, mappings

# Where a kind keeps the pods that it starts.
_POD_TEMPLATES: dict[str, tuple[str, ...]] = {
    "Deployment": ("spec", "template"),
    "StatefulSet": ("spec", "template"),
    "DaemonSet": ("spec", "template"),
    "ReplicaSet": ("spec", "template"),
    "Job": ("spec", "template"),
    "CronJob": ("spec", "jobTemplate", "spec", "template"),
    "Pod": (),
}
# Kinds without a namespace.
_CLUSTER_WIDE = {
    "APIService", "ClusterIssuer", "ClusterRole", "ClusterRoleBinding", "ClusterSecretStore",
    "CustomResourceDefinition", "GatewayClass", "IngressClass", "MutatingWebhookConfiguration",
    "Namespace", "PersistentVolume", "PriorityClass", "RuntimeClass", "StorageClass",
    "ValidatingAdmissionPolicy", "ValidatingAdmissionPolicyBinding",
    "ValidatingWebhookConfiguration", "VolumeSnapshotClass",
}  # fmt: skip


def kind(resource: Resource | None) -> str:
    """The object's kind; empty for what is not a Kubernetes object."""
    return resource.inputs["kind"] if resource and resource.is_kubernetes_object else ""


def group(resource: Resource) -> str:
    """The API group, empty for the core one."""
    version: str = resource.inputs.get("apiVersion", "")
    return version.rpartition("/")[0]


def is_cluster_wide(resource: Resource) -> bool:
    """Whether the object's kind has no namespace."""
    return kind(resource) in _CLUSTER_WIDE


def namespace(resource: Resource) -> str:
    return dig(resource.inputs, "metadata", "namespace") or "default"


def labels(resource: Resource) -> dict[str, Any]:
    return branch(resource.inputs, "metadata", "labels")


@dataclass(frozen=True)
class Pod:
    """The pods that a workload starts: their labels and their spec."""

    labels: Mapping[str, Any]
    spec: Mapping[str, Any]

    @property
    def containers(self) -> dict[str, dict[str, Any]]:
        """All containers by name; those that end before the others start marked as ``init``."""
        own = {str(item.get("name", "")): item for item in self.running}
        first = [item for item in mappings(self.spec, "initContainers") if not _is_sidecar(item)]
        return own | {f"init {item.get('name', '')}": item for item in first}

    @property
    def running(self) -> list[dict[str, Any]]:
        """The containers that run as long as the pod does: sidecars and the others."""
        sidecars = [item for item in mappings(self.spec, "initContainers") if _is_sidecar(item)]
        return [*sidecars, *mappings(self.spec, "containers")]


def _is_sidecar(container: Mapping[str, Any]) -> bool:
    return container.get("restartPolicy") == "Always"


def pod(resource: Resource | None) -> Pod | None:
    """The pods of a workload; None for what starts none."""
    if resource is None or (path := _POD_TEMPLATES.get(kind(resource))) is None:
        return None
    template = branch(resource.inputs, *path)
    return Pod(branch(template, "metadata", "labels"), branch(template, "spec"))


def quantity(written: Any) -> Decimal:
    """A Kubernetes quantity in its base unit (cores, bytes); 0 for what is not one."""
    try:
        return quantities.quantity(written)
    except ValueError:
        return Decimal(0)


def cores(number: Decimal) -> str:
    """``0.25`` → ``250m``, ``2`` → ``2``: CPU as people write it."""
    whole = number == number.to_integral()
    return f"{number:.0f}" if whole else f"{number * 1000:.0f}m"


def bytes_(number: Decimal) -> str:
    """Memory or storage in the largest binary unit that keeps it short: ``1.5Gi``, ``512Mi``."""
    for unit in ("Ti", "Gi", "Mi", "Ki"):
        if abs(number) >= quantities.UNITS[unit]:
            return (
                f"{(number / quantities.UNITS[unit]).quantize(Decimal('0.01')).normalize():f}{unit}"
            )
    return f"{number:f}"


def address(resource: Resource) -> str:
    """``namespace/name`` of an object, ``name`` where it has no namespace."""
    space = dig(resource.inputs, "metadata", "namespace")
    name = object_name(resource)
    return f"{space}/{name}" if space else name


def called(resource: Resource) -> str:
    """How a person names it: ``Service qudag-mcp-dev/redis-service``, ``Bucket backups``."""
    if resource.is_kubernetes_object:
        return f"{kind(resource)} {address(resource)}"
    return f"{resource.type.rpartition(':')[2]} {resource.name}"
