"""Finds changes that Kubernetes or a provider makes by replacing the object.

The Kubernetes part follows what the Pulumi Kubernetes provider replaces (its table of force-new
properties), so that the offline answer is the engine's answer. For a cloud's resource it is the
name and what ``RESOURCE_TYPES`` of that cloud's ``facts.py`` lists.
"""

from __future__ import annotations

from collections.abc import Sequence

from components.clouds import name_rule, resource_type
from graph.resource_graph import Resource

from .properties import Difference, PropertyChange

PROVIDER = "options.provider"
URN = "options.urn"  # a new one without an alias: the engine deletes the old and makes a new one

KUBERNETES_PROVIDER = "pulumi:providers:kubernetes"
IDENTIFIER = "clusterIdentifier"
CLUSTER_KEYS = ("kubeconfig", "context", "cluster")

_EVERY_OBJECT = ("kind", "metadata.name", "metadata.namespace", "metadata.generateName")
_BINDING = ("roleRef",)
_VOLUME_SOURCES = (
    "awsElasticBlockStore",
    "azureDisk",
    "azureFile",
    "cephfs",
    "cinder",
    "csi",
    "fc",
    "flexVolume",
    "flocker",
    "gcePersistentDisk",
    "glusterfs",
    "hostPath",
    "iscsi",
    "local",
    "nfs",
    "portworxVolume",
    "quobyte",
    "rbd",
    "scaleIO",
    "storageos",
    "vsphereVolume",
)

_REPLACING: dict[str, tuple[str, ...]] = {
    "apps/v1:Deployment": ("spec.selector",),
    "apps/v1:DaemonSet": ("spec.selector",),
    "apps/v1:StatefulSet": (
        "spec.podManagementPolicy",
        "spec.selector",
        "spec.serviceName",
        "spec.volumeClaimTemplates",
    ),
    "batch/v1:Job": (
        "spec.completionMode",
        "spec.completions",
        "spec.selector",
        "spec.template",
    ),
    "core/v1:ConfigMap": ("data", "binaryData"),
    "core/v1:Secret": ("data", "stringData", "type"),
    "core/v1:PersistentVolume": tuple(f"spec.{source}" for source in _VOLUME_SOURCES),
    "core/v1:PersistentVolumeClaim": (
        "spec.accessModes",
        "spec.selector",
        "spec.storageClassName",
        "spec.volumeMode",
        "spec.volumeName",
    ),
    "core/v1:Pod": ("spec",),
    "core/v1:ResourceQuota": ("spec.scopes",),
    "core/v1:Service": ("spec.clusterIP",),
    "rbac.authorization.k8s.io/v1:ClusterRoleBinding": _BINDING,
    "rbac.authorization.k8s.io/v1:RoleBinding": _BINDING,
    "storage.k8s.io/v1:StorageClass": ("parameters", "provisioner"),
}

# Kinds whose content the provider updates in place only when it is told to.
_MUTABLE_BY_PROVIDER = {
    "core/v1:ConfigMap": "enableConfigMapMutable",
    "core/v1:Secret": "enableSecretMutable",
}


def replacing(
    before: Resource, provider: Resource | None, changes: Sequence[PropertyChange]
) -> tuple[str, ...]:
    """Paths of the changes that replace ``before`` rather than update it."""
    kubernetes = before.type == KUBERNETES_PROVIDER
    own = _provider_paths(before, changes) if kubernetes else _paths(before, provider)
    return tuple(
        change.path
        for change in changes
        if any(_within(change.path, path) for path in (PROVIDER, URN, *own))
    )


def _provider_paths(before: Resource, changes: Sequence[PropertyChange]) -> tuple[str, ...]:
    """What replaces a Kubernetes provider, as ``DiffConfig`` of pulumi-kubernetes decides it.

    While ``clusterIdentifier`` stays, nothing does; when it changes, the provider is another one.
    Without it the cluster that a kubeconfig names decides, which is not read here: any change of
    what selects it counts.
    """
    identifier = [change for change in changes if change.path == IDENTIFIER]
    if not identifier and before.inputs.get(IDENTIFIER):
        return ()
    if identifier and identifier[0].difference is Difference.CHANGED:
        return (IDENTIFIER,)
    return (*CLUSTER_KEYS, "renderYamlToDirectory")


def _paths(before: Resource, provider: Resource | None) -> tuple[str, ...]:
    if not before.is_kubernetes_object:
        rule, known = name_rule(before.type), resource_type(before.type)
        return (*([rule.key] if rule else []), *(known.replacing if known else ()))
    kind = before.type.removeprefix("kubernetes:").removesuffix("Patch")
    option = _MUTABLE_BY_PROVIDER.get(kind)
    mutable = option and provider and provider.inputs.get(option) in (True, "true")
    if mutable and not before.inputs.get("immutable"):
        return _EVERY_OBJECT
    return _EVERY_OBJECT + _REPLACING.get(kind, ())


def _within(path: str, ancestor: str) -> bool:
    return ancestor in ("", path) or path.startswith((f"{ancestor}.", f"{ancestor}["))
