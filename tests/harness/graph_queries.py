"""Queries on a graph: its pods, its objects of a kind, the ancestors of a resource."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final, cast

from graph.resource_graph import Resource, ResourceGraph

STACKS: Final = ("dev", "staging", "prod")
POD_OWNERS: Final = (
    "kubernetes:apps/v1:DaemonSet",
    "kubernetes:apps/v1:Deployment",
    "kubernetes:apps/v1:StatefulSet",
    "kubernetes:batch/v1:Job",
    "kubernetes:batch/v1:CronJob",
)


@dataclass(frozen=True)
class Pods:
    """The pods of one Deployment, StatefulSet, DaemonSet, Job or CronJob."""

    owner: Resource

    @property
    def name(self) -> str:
        """The workload's name, which is the ``app`` label of its pods."""
        return self.labels["app"]

    @property
    def template(self) -> dict[str, Any]:
        spec = self.owner.inputs["spec"]
        return spec.get("jobTemplate", {"spec": spec})["spec"]["template"]

    @property
    def labels(self) -> dict[str, str]:
        return self.template["metadata"]["labels"]

    @property
    def annotations(self) -> dict[str, str]:
        return self.template["metadata"].get("annotations", {})

    @property
    def spec(self) -> dict[str, Any]:
        return self.template["spec"]

    @property
    def containers(self) -> list[dict[str, Any]]:
        return [*self.spec.get("initContainers", []), *self.spec["containers"]]

    def container(self, name: str) -> dict[str, Any]:
        return next(c for c in self.containers if c["name"] == name)

    def volume(self, name: str) -> dict[str, Any]:
        return next(v for v in self.spec["volumes"] if v["name"] == name)

    @property
    def ports(self) -> set[tuple[str, int]]:
        """Protocol and number of all container ports."""
        declared = [port for c in self.containers for port in c.get("ports", [])]
        return {(port.get("protocol", "TCP"), port["containerPort"]) for port in declared}


def pods(graph: ResourceGraph) -> Iterator[Pods]:
    """The pods of every Deployment, StatefulSet, DaemonSet, Job and CronJob in the graph."""
    for resource in graph.resources:
        if resource.type in POD_OWNERS:
            yield Pods(resource)


def objects(graph: ResourceGraph, kind: str) -> list[dict[str, Any]]:
    """The Kubernetes objects of a kind, as in the manifests."""
    return [r.inputs for r in graph.resources if r.inputs.get("kind") == kind]


def secrets_of_receivers(graph: ResourceGraph) -> set[tuple[str, str]]:
    """Secret and key of what the Prometheus Operator reads for the receivers of alerts."""

    def selectors(value: Any) -> Iterator[tuple[str, str]]:
        if isinstance(value, list):
            for one in cast("list[Any]", value):
                yield from selectors(one)
        elif isinstance(value, dict):
            mapping = cast("dict[str, Any]", value)
            if mapping.keys() == {"name", "key"}:
                yield mapping["name"], mapping["key"]
            for one in mapping.values():
                yield from selectors(one)

    return {
        found
        for each in objects(graph, "AlertmanagerConfig")
        for found in selectors(each["spec"]["receivers"])
    }


def is_read_without_pods(config: dict[str, Any]) -> bool:
    """Whether a ConfigMap is for other programs or for people: no pod of the stack mounts it.

    Those with dashboards are for the cluster's Grafana. People read the runbooks, and give the
    modules to the cluster's blackbox_exporter.
    """
    metadata = config["metadata"]
    for_people = ("runbooks", "qudag-mcp-probes")
    return "grafana_dashboard" in metadata["labels"] or metadata["name"] in for_people


def ancestry(graph: ResourceGraph, resource: Resource) -> list[str]:
    """The types of the resource's ancestors, from its parent to the stack."""
    types: list[str] = []
    while (parent := graph.find(resource.parent)) is not None:
        types.append(parent.type)
        resource = parent
    return types
