"""Which node of a drawing each resource belongs to: workloads, components, groups of resources."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from components.clouds import CLOUDS, Cloud, cloud_of
from graph.kubernetes import is_cluster_wide, kind, namespace, pod
from graph.object_names import object_name
from graph.resource_graph import STACK_TYPE, Resource, ResourceGraph
from graph.tree import branch, dig

from .risks.allowed_traffic import is_policy

_ALONE = 14  # resources of one cloud outside of components that are drawn one by one
_CLUSTER = "1 cluster"
_SCALERS = {"HorizontalPodAutoscaler", "ScaledObject", "VerticalPodAutoscaler"}


@dataclass(frozen=True, kw_only=True)
class Node:
    """One box of a drawing.

    Attributes:
        key: the same before and after a change.
        group: id of the box around it.
        main: URNs of the resources that the node is; the others belong to it.
    """

    key: str
    group: str
    title: str
    kind: str
    main: frozenset[str] = frozenset()


@dataclass(frozen=True, kw_only=True)
class Placement:
    """The nodes of a graph.

    Attributes:
        nodes: by key.
        node_of: key of the node of each resource that is drawn, by URN.
        groups: titles by id.
    """

    nodes: Mapping[str, Node] = field(default_factory=dict[str, Node])
    node_of: Mapping[str, str] = field(default_factory=dict[str, str])
    groups: Mapping[str, str] = field(default_factory=dict[str, str])


def workload_key(resource: Resource) -> str:
    """The key of the node of a workload."""
    return f"{namespace(resource)}/{kind(resource)}/{object_name(resource)}"


def placed(graph: ResourceGraph) -> Placement:
    """The nodes of ``graph``, and the node of each of its resources."""
    nodes: dict[str, Node] = {}
    node_of: dict[str, str] = {}
    groups: dict[str, str] = {}
    for resource, node, group_title in _every(graph):
        known = nodes.get(node.key)
        nodes[node.key] = replace(known, main=known.main | node.main) if known else node
        node_of[resource.urn] = node.key
        groups[node.group] = group_title
    return Placement(nodes=nodes, node_of=node_of, groups=groups)


def _every(graph: ResourceGraph) -> Iterator[tuple[Resource, Node, str]]:
    drawn = [
        one
        for one in graph.resources
        if one.custom and not one.type.startswith("pulumi:") and not is_policy(one)
    ]
    workloads = {one.urn: one for one in drawn if pod(one)}
    loose = Counter(_cloud_group(one)[0] for one in drawn if not _holder(one, graph))
    for resource in drawn:
        if resource.is_kubernetes_object:
            yield resource, *_kubernetes(resource, workloads, graph)
        else:
            yield resource, *_cloud(resource, graph, loose)


def _kubernetes(
    resource: Resource, workloads: Mapping[str, Resource], graph: ResourceGraph
) -> tuple[Node, str]:
    owner = _workload_of(resource, workloads, graph)
    if owner is not None:
        space = namespace(owner)
        group, title = f"{_CLUSTER}/{space}", f"Kubernetes, namespace {space}"
        main = frozenset({owner.urn})
        name = object_name(owner)
        return (
            Node(key=workload_key(owner), group=group, title=name, kind=kind(owner), main=main),
            title,
        )
    if is_cluster_wide(resource) and kind(resource) != "Namespace":
        return (
            Node(key="cluster", group=_CLUSTER, title="cluster-wide objects", kind=""),
            "Kubernetes, whole cluster",
        )
    space = object_name(resource) if kind(resource) == "Namespace" else namespace(resource)
    node = Node(key=f"{space}/objects", group=f"{_CLUSTER}/{space}", title="other objects", kind="")
    return node, f"Kubernetes, namespace {space}"


def _workload_of(
    resource: Resource, workloads: Mapping[str, Resource], graph: ResourceGraph
) -> Resource | None:
    """The workload that an object serves: itself, what it selects, or its component's."""
    if resource.urn in workloads:
        return resource
    spec = branch(resource.inputs, "spec")
    selector = branch(spec, "selector")
    if kind(resource) == "Service" and selector:
        for one in workloads.values():
            labels = dict[str, Any](started.labels) if (started := pod(one)) else {}
            if namespace(one) == namespace(resource) and selector.items() <= labels.items():
                return one
    if kind(resource) in _SCALERS:
        target = dig(spec, "scaleTargetRef", "name") or dig(spec, "targetRef", "name")
        for one in workloads.values():
            if namespace(one) == namespace(resource) and object_name(one) == target:
                return one
    holder = graph.find(resource.parent)
    while holder is not None and holder.type != STACK_TYPE:
        inside = [one for one in workloads.values() if _is_in(one, holder.urn, graph)]
        if inside:
            return inside[0] if len(inside) == 1 else None
        holder = graph.find(holder.parent)
    return None


def _is_in(resource: Resource, urn: str, graph: ResourceGraph) -> bool:
    parent = graph.find(resource.parent)
    while parent is not None:
        if parent.urn == urn:
            return True
        parent = graph.find(parent.parent)
    return False


def _cloud(resource: Resource, graph: ResourceGraph, loose: Mapping[str, int]) -> tuple[Node, str]:
    group, title = _cloud_group(resource)
    holder = _holder(resource, graph)
    type_name = resource.type.rpartition(":")[2]
    if holder is not None:
        own = cloud_of(resource.type)
        inside = own or _cloud_of_component(holder, graph)
        if inside is not None:
            group, title = _titled(inside.key, inside.title)
        node = Node(
            key=f"{group}/{holder.urn}",
            group=group,
            title=holder.name,
            kind=holder.type.rpartition(":")[2],
        )
        return node, title
    main = frozenset({resource.urn})
    if loose[group] <= _ALONE:
        key = f"{group}/{resource.type}/{resource.name}"
        return Node(key=key, group=group, title=resource.name, kind=type_name, main=main), title
    family = resource.type.split(":")[1].partition("/")[0] if ":" in resource.type else ""
    return Node(key=f"{group}/{family}", group=group, title=family, kind="resources"), title


def _holder(resource: Resource, graph: ResourceGraph) -> Resource | None:
    """The outermost component around a resource; None where there is none."""
    found = None
    parent = graph.find(resource.parent)
    while parent is not None and parent.type != STACK_TYPE:
        if not parent.custom:
            found = parent
        parent = graph.find(parent.parent)
    return found


def _cloud_of_component(holder: Resource, graph: ResourceGraph) -> Cloud | None:
    """The cloud of the other resources of a component, for those of a package without a cloud."""
    for child in graph.children(holder.urn):
        if found := cloud_of(child.type):
            return found
    return None


def _cloud_group(resource: Resource) -> tuple[str, str]:
    cloud = cloud_of(resource.type)
    if cloud is not None:
        return _titled(cloud.key, cloud.title)
    package = resource.type.partition(":")[0]
    return f"3 {package}", f"Package {package}"


def _titled(key: str, title: str) -> tuple[str, str]:
    order = [cloud.key for cloud in CLOUDS].index(key)
    return f"2 {order} {key}", title
