"""Finds the pod specifications of a Kubernetes object, of any kind and at any depth."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final, cast

from graph.resource_graph import Resource, step
from graph.tree import branch, entries

WORKLOADS: Final = frozenset(
    {
        *("Pod", "Deployment", "StatefulSet", "DaemonSet", "ReplicaSet"),
        *("ReplicationController", "Job", "CronJob", "PodTemplate"),
    }
)
"""Kinds of Kubernetes itself that run pods."""

CONTAINERS: Final = ("initContainers", "containers", "ephemeralContainers")


@dataclass(frozen=True, kw_only=True)
class PodSpec:
    """One pod specification.

    Attributes:
        path: of it, below the resource.
        spec: it.
        annotations: of the pod, and their path.
        complete: whether the object is a workload of Kubernetes, whose pods have what is written
            and nothing else; a custom resource may add to it.
        is_part: whether ``spec`` is no whole pod, but a mapping with settings of a container or of
            a pod: a custom resource may have one anywhere, such as a step of a Tekton task.
    """

    path: str
    spec: Mapping[str, Any]
    annotations: Mapping[str, Any]
    annotations_path: str
    complete: bool
    is_part: bool = False

    @property
    def on_windows(self) -> bool:
        return branch(self.spec, "os").get("name") == "windows"

    @property
    def containers(self) -> Iterator[tuple[str, Mapping[str, Any]]]:
        """Each container of each kind, with its path."""
        if self.is_part:
            yield self.path, self.spec
            return
        for key in CONTAINERS:
            for number, container in enumerate(entries(self.spec, key)):
                if isinstance(container, dict):
                    yield f"{self.path}.{key}[{number}]", cast("dict[str, Any]", container)


def pod_specs(resource: Resource) -> Iterator[PodSpec]:
    """Every pod specification in an object."""
    kind = str(resource.inputs.get("kind") or resource.type.rpartition(":")[2])
    workload = kind == "List" or kind.removesuffix("List") in WORKLOADS
    if workload or not is_of_kubernetes(resource):
        yield from _search(resource.inputs, "", {}, "", complete=workload)


def is_of_kubernetes(resource: Resource) -> bool:
    """Whether an object's kind is one of Kubernetes itself, and not of a custom resource."""
    named = str(resource.inputs.get("apiVersion")).rpartition("/")[0]
    return "." not in named or named.endswith(".k8s.io")


def _search(
    tree: Any, path: str, around: Mapping[str, Any], above: str, *, complete: bool
) -> Iterator[PodSpec]:
    if isinstance(tree, list):
        for index, item in enumerate(cast("list[Any]", tree)):
            yield from _search(item, step(path, index), {}, "", complete=complete)
    if not isinstance(tree, dict):
        return
    mapping = cast("dict[str, Any]", tree)
    if _is_pod_spec(mapping):
        metadata = step(above, "metadata")
        yield PodSpec(
            path=path,
            spec=mapping,
            annotations=branch(around, "metadata", "annotations"),
            annotations_path=f"{metadata}.annotations",
            complete=complete,
        )
        return
    if not complete and (_has_context(mapping) or _reaches_node(mapping)):
        yield PodSpec(
            path=path,
            spec=mapping,
            annotations={},
            annotations_path="",
            complete=False,
            is_part=True,
        )
    for key, value in mapping.items():
        if isinstance(value, dict | list):
            yield from _search(value, step(path, key), mapping, path, complete=complete)


def _is_pod_spec(tree: Mapping[str, Any]) -> bool:
    return any(
        isinstance(one, dict) and ("image" in one or "name" in one)
        for key in CONTAINERS
        for one in entries(tree, key)
    )


def _has_context(tree: Mapping[str, Any]) -> bool:
    return isinstance(tree.get("securityContext"), dict)


def _reaches_node(tree: Mapping[str, Any]) -> bool:
    """Whether a mapping has the fields by which a pod reaches its node."""
    return any(tree.get(key) is True for key in ("hostNetwork", "hostPID", "hostIPC")) or any(
        "hostPath" in branch(volume) for volume in entries(tree, "volumes")
    )
