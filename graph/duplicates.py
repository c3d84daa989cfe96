"""Finds resources that are the same Kubernetes object: preview, render and up refuse them."""

from __future__ import annotations

from components.base.problems import Problem

from .kubernetes import group, is_cluster_wide, kind
from .object_names import object_name
from .resource_graph import Resource, ResourceGraph
from .tree import dig


def same_objects(graph: ResourceGraph) -> list[Problem]:
    """A problem for each resource that is the same object as an earlier one of the graph."""
    problems: list[Problem] = []
    first: dict[tuple[str, ...], Resource] = {}
    for resource in graph.resources:
        if not resource.is_kubernetes_object:
            continue
        identity = (
            group(resource),
            kind(resource),
            "" if is_cluster_wide(resource) else str(namespace_in(graph, resource) or "default"),
            object_name(resource),
        )
        other = first.setdefault((*_cluster(graph, resource), *identity), resource)
        if other is not resource:
            problems.append(
                Problem(
                    path=resource.urn,
                    what=f"it is the same object as {other.urn}: {' '.join(identity).strip()}",
                    consequence="each deployment would overwrite one with the other",
                    fix="give one of them another metadata.name or namespace",
                )
            )
    return problems


def namespace_in(graph: ResourceGraph, resource: Resource) -> str | None:
    """The object's own namespace, or its provider's; None for a kind that has none."""
    stated = dig(resource.inputs, "metadata", "namespace")
    if stated or is_cluster_wide(resource):
        return stated
    provider = graph.find(resource.provider)
    return provider.inputs.get("namespace") if provider else None


def _cluster(graph: ResourceGraph, resource: Resource) -> tuple[str, ...]:
    """The inputs of the resource's provider that select its cluster."""
    provider = graph.find(resource.provider)
    keys = ("kubeconfig", "context", "cluster")
    return tuple(str(provider.inputs.get(key)) for key in keys) if provider else ()
