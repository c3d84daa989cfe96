"""Facts about kinds of the Kubernetes API: what replaces an object, and which data it holds.

The replacements are those of the Pulumi Kubernetes provider (``forceNew`` in
``provider/pkg/provider/diff.go`` of 4.34): a change of a property in its table makes the object
anew, every other change is sent to the API server as an update.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from ..base.cloud_facts import ResourceType, resource_type

IDENTITY: Final = ("metadata.name", "metadata.namespace")
"""Paths whose change replaces an object of any kind. Nothing else replaces a ``Patch`` resource."""
SECRET_CONTENT: Final = ("data", "stringData", "type")
CONFIG_MAP_CONTENT: Final = ("binaryData", "data")

_BINDING: Final = resource_type("roleRef")
_JOB: Final = resource_type(
    "spec.completions", "spec.parallelism", "spec.selector", "spec.template"
)
_PLAIN: Final = resource_type()
_SELECTED: Final = resource_type("spec.selector")
_STATEFUL_SET: Final = resource_type(
    *("spec.podManagementPolicy", "spec.revisionHistoryLimit", "spec.selector"),
    *("spec.serviceName", "spec.volumeClaimTemplates"),
    holds="its pods and their claims",
)
_VOLUME_SOURCES: Final = (
    *("awsElasticBlockStore", "azureDisk", "azureFile", "cephfs", "cinder", "csi", "fc"),
    *("flexVolume", "flocker", "gcePersistentDisk", "glusterfs", "hostPath", "iscsi", "local"),
    *("nfs", "photonPersistentDisk", "portworxVolume", "quobyte", "rbd", "scaleIO", "storageos"),
    "vsphereVolume",
)
_POD: Final = (
    *("affinity", "automountServiceAccountToken", "dnsConfig", "dnsPolicy", "enableServiceLinks"),
    *("hostAliases", "hostIPC", "hostNetwork", "hostPID", "hostname", "imagePullSecrets"),
    *("nodeName", "nodeSelector", "overhead", "preemptionPolicy", "priority"),
    *("priorityClassName", "readinessGates", "restartPolicy", "runtimeClassName"),
    *("schedulerName", "securityContext", "serviceAccount", "serviceAccountName"),
    *("shareProcessNamespace", "subdomain", "terminationGracePeriodSeconds", "volumes"),
)
_CONTAINER: Final = (
    *("args", "command", "env", "image", "imagePullPolicy", "lifecycle", "livenessProbe", "ports"),
    *("readinessProbe", "resources", "securityContext", "stdin", "stdinOnce"),
    *("terminationMessagePath", "terminationMessagePolicy", "tty", "volumeDevices"),
    *("volumeMounts", "workingDir"),
)

RESOURCE_TYPES: Final[Mapping[str, ResourceType]] = {
    "apiextensions.k8s.io/v1:CustomResourceDefinition": resource_type(
        holds="every object of its kind"
    ),
    "apps/v1:ControllerRevision": _PLAIN,
    "apps/v1:DaemonSet": _SELECTED,
    "apps/v1:Deployment": _SELECTED,
    "apps/v1:ReplicaSet": _PLAIN,
    "apps/v1:StatefulSet": _STATEFUL_SET,
    "barmancloud.cnpg.io/v1:ObjectStore": resource_type(holds="the way to the backups"),
    "batch/v1:CronJob": _PLAIN,
    "batch/v1:Job": _JOB,
    "core/v1:ConfigMap": resource_type(*CONFIG_MAP_CONTENT),
    "core/v1:Namespace": resource_type(holds="everything in it"),
    "core/v1:PersistentVolume": resource_type(
        *(f"spec.{source}" for source in _VOLUME_SOURCES), holds="the volume"
    ),
    "core/v1:PersistentVolumeClaim": resource_type(
        *("spec.accessModes", "spec.selector", "spec.storageClassName", "spec.volumeName"),
        holds="the volume behind the claim",
    ),
    "core/v1:Pod": resource_type(
        *(f"spec.{name}" for name in _POD),
        *(
            f"spec.{containers}[*].{name}"
            for containers in ("containers", "initContainers")
            for name in _CONTAINER
        ),
    ),
    "core/v1:ResourceQuota": resource_type("spec.scopes"),
    "core/v1:Secret": resource_type(*SECRET_CONTENT),
    "core/v1:Service": resource_type("spec.clusterIP"),
    "postgresql.cnpg.io/v1:Cluster": resource_type(holds="the database cluster"),
    "postgresql.cnpg.io/v1:Pooler": _PLAIN,
    "postgresql.cnpg.io/v1:ScheduledBackup": _PLAIN,
    "rbac.authorization.k8s.io/v1:ClusterRoleBinding": _BINDING,
    "rbac.authorization.k8s.io/v1:RoleBinding": _BINDING,
    "storage.k8s.io/v1:StorageClass": resource_type("parameters", "provisioner"),
}
"""By the type token without ``kubernetes:``. Kinds of ``STATELESS_GROUPS`` have a row only where
more than their identity replaces them, or where they hold data."""

STATELESS_GROUPS: Final = frozenset(
    {
        *("admissionregistration.k8s.io", "apiregistration.k8s.io", "apps", "autoscaling"),
        *("autoscaling.k8s.io", "batch", "certificates.k8s.io", "cilium.io", "coordination.k8s.io"),
        *("core", "discovery.k8s.io", "events.k8s.io", "external-secrets.io"),
        *("flowcontrol.apiserver.k8s.io", "generators.external-secrets.io"),
        *("gateway.networking.k8s.io", "keda.sh", "monitoring.coreos.com", "networking.istio.io"),
        *("networking.k8s.io", "node.k8s.io", "policy", "rbac.authorization.k8s.io"),
        *("scheduling.k8s.io", "security.istio.io", "storage.k8s.io"),
    }
)
"""API groups whose kinds hold no data except for those with a row; ``core`` is the one without a
name. An object of any other group may hold data."""


_BY_KIND: Final = {
    (token.partition("/")[0], token.rpartition(":")[2]): row
    for token, row in RESOURCE_TYPES.items()
}


def kubernetes_type(token: str) -> ResourceType | None:
    """The facts about the kind of a type token such as ``kubernetes:apps/v1:Deployment``.

    Every version of a kind has the same row, and so has its ``Patch`` resource. None for a kind
    that may hold data. Whatever the kind is, ``IDENTITY`` replaces the object.
    """
    group = token.removeprefix("kubernetes:").partition("/")[0]
    kind = token.rpartition(":")[2].removesuffix("Patch")
    row = _BY_KIND.get((group, kind))
    return _PLAIN if row is None and group in STATELESS_GROUPS else row
