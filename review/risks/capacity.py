"""Capacity that costs money, requested by a graph at its largest scale, and its increases."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, fields
from decimal import Decimal
from typing import Any

from graph.kubernetes import bytes_, called, cores, kind, namespace, pod, quantity
from graph.object_names import object_name
from graph.resource_graph import Resource, ResourceGraph
from graph.tree import branch, dig, entries, mappings

from ..diff import Change, Diff
from .billed import Trend, billed_changes

_SCALERS = {"HorizontalPodAutoscaler": "maxReplicas", "ScaledObject": "maxReplicaCount"}
_SCALER_FLOORS = {"HorizontalPodAutoscaler": "minReplicas", "ScaledObject": "minReplicaCount"}

_NOTHING = (Decimal(0), Decimal(0))


@dataclass(frozen=True)
class Demand:
    """Pods, CPU cores, bytes of memory and of storage, and load balancers asked for."""

    pods: Decimal = Decimal(0)
    cpu: Decimal = Decimal(0)
    memory: Decimal = Decimal(0)
    storage: Decimal = Decimal(0)
    load_balancers: Decimal = Decimal(0)

    def __add__(self, other: Demand) -> Demand:
        own, theirs = self.amounts(), other.amounts()
        return Demand(*(mine + more for mine, more in zip(own, theirs, strict=True)))

    def times(self, count: int) -> Demand:
        return Demand(*(amount * count for amount in self.amounts()))

    def amounts(self) -> list[Decimal]:
        return [getattr(self, field.name) for field in fields(self)]

    def written(self) -> dict[str, str]:
        """Every amount by what people call it, in the units that Kubernetes writes."""
        return {
            "pods": f"{self.pods:f}",
            "CPU": cores(self.cpu),
            "memory": bytes_(self.memory),
            "storage": bytes_(self.storage),
            "load balancers": f"{self.load_balancers:f}",
        }

    def rises_to(self, new: Demand) -> list[str]:
        """Each amount that is higher in ``new``, as ``CPU 1 → 2``."""
        names = self.written()
        pairs = zip(names.items(), new.written().values(), strict=True)
        grown = [high > low for low, high in zip(self.amounts(), new.amounts(), strict=True)]
        return [
            f"{name} {low} → {high}"
            for ((name, low), high), more in zip(pairs, grown, strict=True)
            if more
        ]


def demand(resource: Resource, graph: ResourceGraph) -> Demand:
    """The requests of one resource at its largest number of pods."""
    spec = branch(resource.inputs, "spec")
    match kind(resource):
        case "Deployment" | "StatefulSet" | "ReplicaSet":
            pods = _most_replicas(resource, graph)
            stored = Demand(storage=_templates(resource, graph, int(pods)))
            return _one_pod(resource, graph).times(pods) + stored
        case "DaemonSet" | "Pod":
            return _one_pod(resource, graph)
        case "PersistentVolumeClaim":
            return Demand(storage=_storage(spec))
        case "Service":
            return Demand(load_balancers=Decimal(spec.get("type") == "LoadBalancer"))
        case "Cluster" if "instances" in spec:  # CloudNativePG
            one = Demand(Decimal(1), *_requested(spec), quantity(dig(spec, "storage", "size")))
            return one.times(spec["instances"])
        case _:
            return Demand()


def _templates(resource: Resource, graph: ResourceGraph, pods: int) -> Decimal:
    """Storage of the claims that a StatefulSet makes: those that are no objects of the graph."""
    made = {(namespace(one), object_name(one)) for one in graph.of_kind("PersistentVolumeClaim")}
    name = object_name(resource)
    return sum(
        (
            _storage(dig(template, "spec"))
            for template in entries(branch(resource.inputs, "spec"), "volumeClaimTemplates")
            for pod in range(pods)
            if (namespace(resource), f"{dig(template, 'metadata', 'name')}-{name}-{pod}")
            not in made
        ),
        Decimal(0),
    )


def peak(graph: ResourceGraph) -> Demand:
    """What all resources together ask for at most."""
    return sum((demand(resource, graph) for resource in graph.resources), Demand())


def raised_capacity(change: Change, diff: Diff) -> Iterator[str]:
    """More pods, CPU, memory, storage or load balancers than before."""
    after = change.after
    if after is None:
        return
    old = demand(change.before, diff.before) if change.before else Demand()
    if rises := old.rises_to(demand(after, diff.after)):
        yield f"{called(after)}: {', '.join(rises)}"
    for limit, low, high in scaler_limits(change):
        if high > low:
            yield f"{called(after)}: {limit} {low} → {high}"
    for found in billed_changes(change):
        if found.trend in (Trend.MORE, Trend.UNKNOWN):
            yield f"{called(after)}: {found}"


def scaler_limits(change: Change) -> Iterator[tuple[str, int, int]]:
    """The limits of an autoscaler that change: name, before, after."""
    before, after = change.before, change.after
    if before is None or after is None:
        return
    for names in (_SCALERS, _SCALER_FLOORS):
        if limit := names.get(kind(after)):
            low, high = (dig(one.inputs, "spec", limit) or 1 for one in (before, after))
            if high != low:
                yield limit, low, high


def _one_pod(workload: Resource, graph: ResourceGraph) -> Demand:
    started = pod(workload)
    most = _most_requested(workload, graph)
    amounts = [
        tuple(map(max, _requested(container), most.get(container.get("name"), _NOTHING)))
        for container in (started.running if started else ())
    ]
    cpu = sum((cpu for cpu, _ in amounts), Decimal(0))
    return Demand(Decimal(1), cpu, sum((memory for _, memory in amounts), Decimal(0)))


def _most_requested(workload: Resource, graph: ResourceGraph) -> dict[Any, tuple[Decimal, Decimal]]:
    """The largest CPU and memory that a VerticalPodAutoscaler may request, by container."""
    target = {"kind": kind(workload), "name": object_name(workload)}
    return {
        policy.get("containerName"): (
            quantity(dig(policy, "maxAllowed", "cpu") or 0),
            quantity(dig(policy, "maxAllowed", "memory") or 0),
        )
        for one in graph.of_kind("VerticalPodAutoscaler")
        if namespace(one) == namespace(workload)
        if branch(one.inputs, "spec", "targetRef").items() >= target.items()
        if dig(one.inputs, "spec", "updatePolicy", "updateMode") != "Off"
        for policy in mappings(one.inputs, "spec", "resourcePolicy", "containerPolicies")
    }


def _requested(tree: Any) -> tuple[Decimal, Decimal]:
    """CPU and memory requests; a limit counts where the request is left out."""
    asked = branch(tree, "resources", "limits") | branch(tree, "resources", "requests")
    return quantity(asked.get("cpu", 0)), quantity(asked.get("memory", 0))


def _storage(claim: Any) -> Decimal:
    return quantity(dig(claim, "resources", "requests", "storage"))


def _most_replicas(workload: Resource, graph: ResourceGraph) -> int:
    target = {"kind": kind(workload), "name": object_name(workload)}
    scalers = (one for scaling in _SCALERS for one in graph.of_kind(scaling))
    for scaler in sorted(scalers, key=lambda one: one.urn):
        limit = _SCALERS[kind(scaler)]
        if namespace(scaler) != namespace(workload):
            continue
        aimed = branch(scaler.inputs, "spec", "scaleTargetRef")
        if {"kind": "Deployment", **aimed}.items() >= target.items():
            return dig(scaler.inputs, "spec", limit) or 1
    replicas = dig(workload.inputs, "spec", "replicas")
    return 1 if replicas is None else replicas
