"""Registers Kubernetes objects in wire form (camelCase), without the SDK's classes.

The objects do not go through the Kubernetes SDK's generated classes. Importing those takes longer
than all else that a preview does, and they type only their own snake_case spelling. In wire form a
spec is the same in a pure function, in its test and in the rendered manifest; the API server's
strict field validation checks it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.metadata import version
from typing import Any, Final

import pulumi

from .component import Component

API_VERSIONS: Final = {
    "AlertmanagerConfig": "monitoring.coreos.com/v1alpha1",
    "CiliumNetworkPolicy": "cilium.io/v2",
    "Cluster": "postgresql.cnpg.io/v1",
    "ConfigMap": "core/v1",
    "CronJob": "batch/v1",
    "DaemonSet": "apps/v1",
    "Deployment": "apps/v1",
    "ExternalSecret": "external-secrets.io/v1",
    "HorizontalPodAutoscaler": "autoscaling/v2",
    "Job": "batch/v1",
    "LimitRange": "core/v1",
    "Namespace": "core/v1",
    "NetworkPolicy": "networking.k8s.io/v1",
    "ObjectStore": "barmancloud.cnpg.io/v1",
    "Password": "generators.external-secrets.io/v1alpha1",
    "PersistentVolume": "core/v1",
    "PersistentVolumeClaim": "core/v1",
    "PodDisruptionBudget": "policy/v1",
    "PodMonitor": "monitoring.coreos.com/v1",
    "Pooler": "postgresql.cnpg.io/v1",
    "Probe": "monitoring.coreos.com/v1",
    "PrometheusRule": "monitoring.coreos.com/v1",
    "PushSecret": "external-secrets.io/v1alpha1",
    "ResourceQuota": "core/v1",
    "Role": "rbac.authorization.k8s.io/v1",
    "RoleBinding": "rbac.authorization.k8s.io/v1",
    "ScaledObject": "keda.sh/v1alpha1",
    "ScheduledBackup": "postgresql.cnpg.io/v1",
    "SecretStore": "external-secrets.io/v1",
    "Service": "core/v1",
    "ServiceAccount": "core/v1",
    "StatefulSet": "apps/v1",
    "TriggerAuthentication": "keda.sh/v1alpha1",
    "VerticalPodAutoscaler": "autoscaling.k8s.io/v1",
}
"""Group and version that each kind is registered under, as in Pulumi's own type tokens."""


class KubernetesObject(pulumi.CustomResource):
    """One object of the Kubernetes API, under the type token that the SDK's class has.

    Attributes:
        metadata: the object's, as the cluster has it.
        status: the status that the cluster reports; None without one.
    """

    metadata: pulumi.Output[Mapping[str, Any]]
    status: pulumi.Output[Mapping[str, Any] | None]

    def __init__(
        self,
        kind: str,
        name: str,
        *,
        metadata: Any,
        opts: pulumi.ResourceOptions,
        patch: bool = False,
        **fields: Any,
    ) -> None:
        """Registers the object.

        Args:
            kind: a key of ``API_VERSIONS``.
            name: logical name.
            metadata: from ``metadata()``.
            opts: from ``Component.owned``, made for this object alone.
            patch: the cluster makes the object; only the fields that are given here are set, and
                left again when the resource is deleted.
            fields: the other fields of the object, in camelCase, such as ``spec`` and ``data``.
        """
        api = API_VERSIONS[kind]
        head = {"apiVersion": api.removeprefix("core/"), "kind": kind, "metadata": metadata}
        # For the default provider of a program that imports a component and names no other.
        opts.version = _provider_version()
        token = f"kubernetes:{api}:{kind}{'Patch' if patch else ''}"
        super().__init__(token, name, {**head, **fields, "status": None}, opts)

    @property
    def physical_name(self) -> pulumi.Output[str]:
        """Its name in the cluster; a resource that uses it depends on this object."""
        return self.metadata.apply(lambda made: made["name"])


@dataclass(frozen=True, kw_only=True)
class Manifest:
    """An object that a component registers, as a value that can also be counted and compared.

    Attributes:
        kind: a key of ``API_VERSIONS``.
        role: end of its logical name, after the component's.
        metadata: from ``metadata()``.
        fields: the other fields of the object, in camelCase, such as ``spec`` and ``data``.
        after: resources that must exist before it.
        protect: refuse to delete it.
        keep: leave it in the cluster when it leaves the program; it goes with its namespace.
        patch: the object may exist already: it is taken over, not made.
        ignored: paths of fields that the API server refuses to change.
    """

    kind: str
    role: str
    metadata: Mapping[str, Any]
    fields: Mapping[str, Any]
    after: Sequence[pulumi.Resource] = ()
    protect: bool = False
    keep: bool = False
    patch: bool = False
    ignored: Sequence[str] = ()


def register(owner: Component[Any], manifest: Manifest) -> KubernetesObject:
    """Registers the manifest as a child of ``owner``."""
    return KubernetesObject(
        manifest.kind,
        owner.named(manifest.role),
        metadata=manifest.metadata,
        opts=owner.owned(
            depends_on=list(manifest.after),
            protect=manifest.protect,
            retain_on_delete=manifest.keep or None,
            ignore_changes=list(manifest.ignored) or None,
        ),
        patch=manifest.patch,
        **manifest.fields,
    )


def metadata(
    name: pulumi.Input[str],
    *,
    namespace: pulumi.Input[str] | None = None,
    labels: Mapping[str, str] | None = None,
) -> Any:
    """An object's metadata with its fixed physical name."""
    made: dict[str, Any] = {"name": name}
    if namespace is not None:
        made["namespace"] = namespace
    if labels:
        made["labels"] = dict(labels)
    return made


@cache
def _provider_version() -> str:
    return version("pulumi_kubernetes")
