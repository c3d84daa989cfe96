"""The Kubernetes objects of a graph as manifests, in the order in which they can be applied."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, cast

import yaml

from components.base.problems import Problem, ProblemReport

from .duplicates import namespace_in, same_objects
from .kubernetes import group, kind
from .object_names import label, object_name
from .resource_graph import SECRET, UNKNOWN, Resource, ResourceGraph, step
from .tree import branch

# When a kind is applied; what is not listed comes last. Dependencies push later, never earlier.
_STAGES = {
    "Namespace": 100,
    "CustomResourceDefinition": 110,
    "PriorityClass": 120,
    "StorageClass": 120,
    "ResourceQuota": 200,
    "LimitRange": 200,
    "ServiceAccount": 250,
    "ClusterRole": 260,
    "Role": 260,
    "ClusterRoleBinding": 270,
    "RoleBinding": 270,
    "ConfigMap": 300,
    "Secret": 300,
    "SecretStore": 310,
    "ClusterSecretStore": 310,
    "Password": 310,
    "ExternalSecret": 320,
    "PushSecret": 325,
    "Issuer": 330,
    "ClusterIssuer": 330,
    "Certificate": 340,
    "NetworkPolicy": 400,
    "CiliumNetworkPolicy": 400,
    "Service": 450,
    "PersistentVolume": 500,
    "PersistentVolumeClaim": 510,
    "Job": 600,
    "PodDisruptionBudget": 690,
    "StatefulSet": 700,
    "DaemonSet": 700,
    "Deployment": 710,
    "CronJob": 720,
    "HorizontalPodAutoscaler": 800,
    "TriggerAuthentication": 790,
    "ScaledObject": 800,
    "VerticalPodAutoscaler": 800,
}
_LAST = 900
_TOP = ("apiVersion", "kind", "metadata")


def manifests(graph: ResourceGraph) -> dict[str, dict[str, Any]]:
    """Every Kubernetes object by its file name; the names sort in the order of application.

    Values of secret inputs are left out. Raises ProblemReport where two resources are the same
    object, or where a value is known only after a deployment.
    """
    _refuse_what_cannot_be_written(graph)
    stages: dict[str, int] = {}
    named: dict[str, dict[str, Any]] = {}
    for resource in graph.resources:
        if not resource.is_kubernetes_object:
            continue
        name = _file_name(resource, graph, _stage(resource, graph, stages))
        provider = graph.find(resource.provider)
        if name in named and provider:  # the same object in another cluster
            name = f"{name.removesuffix('.yaml')}-{label(provider.name)}.yaml"
        named[name] = manifest(resource, graph)
    return dict(sorted(named.items()))


def manifest(resource: Resource, graph: ResourceGraph) -> dict[str, Any]:
    """One object as ``kubectl apply`` takes it."""
    written = _without_secrets(resource.inputs)
    metadata = dict(branch(written, "metadata"))
    metadata["name"] = object_name(resource)
    if space := namespace_in(graph, resource):
        metadata["namespace"] = space
    annotations = {
        key: value
        for key, value in branch(metadata, "annotations").items()
        if not key.startswith("pulumi.com/")
    }
    metadata.pop("annotations", None)
    if annotations:
        metadata["annotations"] = annotations
    top = {"apiVersion": written["apiVersion"], "kind": written["kind"], "metadata": metadata}
    return top | {key: value for key, value in written.items() if key not in _TOP}


def to_yaml(written: Any) -> str:
    """YAML that every parser reads alike: no string that another version takes for a number."""
    return yaml.dump(written, Dumper=_Dumper, sort_keys=False, width=1_000_000, allow_unicode=True)


def in_order(objects: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
    """Objects in the order of their kinds, namespaces and names; namespaces come first."""

    def place(written: dict[str, Any]) -> tuple[int, str, str, str]:
        metadata = branch(written, "metadata")
        space, name = str(metadata.get("namespace", "")), str(metadata.get("name", ""))
        return _STAGES.get(written["kind"], _LAST), written["kind"], space, name

    return sorted(objects, key=place)


class _Dumper(yaml.CSafeDumper):
    """Texts as blocks; quotes around strings that start as a number or could be a boolean."""


def _write_string(dumper: yaml.CSafeDumper, text: str) -> yaml.ScalarNode:
    ambiguous = len(text) < 2 or text[0] in "0123456789+-."
    style = "|" if "\n" in text else '"' if ambiguous else None
    tag = "tag:yaml.org,2002:str"
    return dumper.represent_scalar(tag, text, style=style)  # pyright: ignore[reportUnknownMemberType]


_Dumper.add_representer(str, _write_string)


def _without_secrets(tree: Any) -> Any:
    if isinstance(tree, dict):
        fields = branch(tree)
        return {key: _without_secrets(value) for key, value in fields.items() if value != SECRET}
    if isinstance(tree, list):
        return [_without_secrets(item) for item in cast("list[Any]", tree) if item != SECRET]
    return tree


def _stage(resource: Resource, graph: ResourceGraph, known: dict[str, int]) -> int:
    """Its kind's stage, or one after the latest of what it or a parent of it depends on."""
    if resource.urn not in known:
        needed = [graph.find(urn) for urn in _dependencies(resource, graph)]
        after = [_stage(other, graph, known) for other in needed if other]
        latest = max(after, default=0)
        if not resource.is_kubernetes_object:
            known[resource.urn] = latest
        else:
            own = _STAGES.get(kind(resource), _LAST)
            known[resource.urn] = own if latest < own else latest + 1
    return known[resource.urn]


def _dependencies(resource: Resource, graph: ResourceGraph) -> Iterator[str]:
    """What it waits for: a child is created after what its component depends on."""
    holder: Resource | None = resource
    while holder is not None:
        yield from holder.dependencies
        holder = graph.find(holder.parent)


def _file_name(resource: Resource, graph: ResourceGraph, stage: int) -> str:
    api = group(resource)
    custom = "." in api and not api.endswith(".k8s.io")
    parts = [kind(resource), api if custom else "", namespace_in(graph, resource) or ""]
    words = [label(part) for part in parts if part]
    return f"{'-'.join([f'{stage:03}', *words, object_name(resource)])}.yaml"


def _refuse_what_cannot_be_written(graph: ResourceGraph) -> None:
    problems = same_objects(graph)
    for resource in graph.resources:
        if not resource.is_kubernetes_object:
            continue
        problems.extend(
            Problem(
                path=f"{resource.urn} {path}",
                what="its value is known only after a deployment",
                consequence="the manifest would be incomplete",
                fix="deploy this stack with the engine, or give the value in the configuration",
            )
            for path in _unknown(resource.inputs)
        )
    if problems:
        raise ProblemReport(problems)


def _unknown(tree: Any, path: str = "") -> list[str]:
    if tree == UNKNOWN:
        return [path]
    items = enumerate(cast("list[Any]", tree)) if isinstance(tree, list) else branch(tree).items()
    return [found for key, value in items for found in _unknown(value, step(path, key))]
