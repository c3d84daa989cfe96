"""The objects and resources that the quota rule counts are those that the program registers."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from decimal import Decimal
from functools import cache
from itertools import product
from typing import Any

import pytest

from components.base.kubernetes_object import Manifest
from components.base.quantities import quantity
from components.kubernetes import pod, server, workload
from components.kubernetes.container import Container
from graph.recorder import record
from graph.resource_graph import Resource, ResourceGraph
from stacks.config.stack import StackConfig
from stacks.config.validation import validate
from stacks.program import main
from stacks.rules.capacity import asks, counts, manifests, the_quota_fits
from tests.harness.graph_queries import objects
from tests.harness.prod import IN_CLOUDS
from tests.invalid.cases import changed

RELEASED = f"ghcr.io/qudag/qudag-node:0.5.0@sha256:{'0' * 64}"
UPSTREAM = {"images": {"qudagProfile": "upstream", "qudagNode": RELEASED}}
PLATFORMS: dict[str, tuple[str, dict[str, Any]]] = {
    "dev": ("dev", {}),
    "staging": ("staging", {}),
    "prod": ("prod", {}),
    "prod with the released node": ("prod", UPSTREAM),
    "prod with three nodes": (
        "prod",
        # They are more than prod's quota has room for.
        {"scaling": {"qudag-integration": {"replicas": 3}}, "kubernetes": {"quota": None}},
    ),
}


def platform(stack: str, changes: dict[str, Any]) -> tuple[StackConfig, ResourceGraph]:
    """A stack's configuration, and what its program registers for it."""
    return _platform(stack, json.dumps(changes))


@cache
def _platform(stack: str, changes: str) -> tuple[StackConfig, ResourceGraph]:
    raw = changed(stack, json.loads(changes), drop=IN_CLOUDS)
    handed = {name: v if isinstance(v, str) else json.dumps(v) for name, v in raw.items()}
    return validate(raw, stack=stack), record(main, stack=stack, config=handed)


def pods_at_the_largest_scale(resources: Sequence[Resource]) -> int:
    """With those that a rollout adds."""
    most = {
        made.inputs["spec"]["scaleTargetRef"]["name"]: made.inputs["spec"]["maxReplicas"]
        for made in resources
        if made.type.endswith(":HorizontalPodAutoscaler")
    }
    specs = {
        made.inputs["metadata"]["name"]: made.inputs["spec"]
        for made in resources
        if made.inputs.get("kind") in ("Deployment", "StatefulSet", "Job", "CronJob")
    }
    surges = (
        spec.get("strategy", {}).get("rollingUpdate", {}).get("maxSurge", 0)
        for spec in specs.values()
    )
    return sum(surges) + sum(most.get(n, spec.get("replicas", 1)) for n, spec in specs.items())


@pytest.mark.parametrize(("stack", "changes"), PLATFORMS.values(), ids=PLATFORMS.keys())
def test_the_objects_that_a_quota_counts_are_those_of_the_program(
    stack: str, changes: dict[str, Any]
):
    """But not in the namespace of the log collector, whose pods are as many as nodes."""
    config, graph = platform(stack, changes)
    secrets = [secret["namespace"] for secret in graph.outputs["required_secrets"]]
    spaces = {space["metadata"]["name"] for space in objects(graph, "Namespace")}
    for space in spaces - {f"{config.namespace}-logs"}:
        there = [
            r for r in graph.resources if r.inputs.get("metadata", {}).get("namespace") == space
        ]
        made = Counter(resource.inputs["kind"] for resource in there)
        planned = [one for one in manifests(config) if one.metadata.get("namespace") == space]
        assert counts(planned, config, space) == {
            "services": made["Service"],
            "configmaps": made["ConfigMap"] + 1,  # kube-root-ca.crt, which every namespace has
            "persistentvolumeclaims": made["PersistentVolumeClaim"],
            "secrets": secrets.count(space),
            "pods": pods_at_the_largest_scale(there),
        }, space


@pytest.mark.parametrize(("stack", "changes"), PLATFORMS.values(), ids=PLATFORMS.keys())
def test_the_required_quota_is_the_sum_of_all_pods_at_the_largest_scale(
    stack: str, changes: dict[str, Any]
):
    config, graph = platform(stack, changes)
    most = {
        made.inputs["spec"]["scaleTargetRef"]["name"]: made.inputs["spec"]["maxReplicas"]
        for made in graph.resources
        if made.type.endswith(":HorizontalPodAutoscaler")
    }
    for kind, resource in product(("requests", "limits"), ("cpu", "memory", "ephemeral-storage")):
        total = Decimal(0)
        for made in graph.resources:
            spec = made.inputs.get("spec", {})
            spec = spec.get("jobTemplate", {}).get("spec", spec)  # of a CronJob, one pod runs
            if "template" not in spec or "containers" not in spec["template"].get("spec", {}):
                continue
            if (
                made.inputs["kind"] == "DaemonSet"
            ):  # a pod on each node, of which nobody knows how many
                continue
            pods = most.get(made.inputs["metadata"]["name"], spec.get("replicas", 1))
            surge = spec.get("strategy", {}).get("rollingUpdate", {}).get("maxSurge", 0)
            running = spec["template"]["spec"]
            # Kubernetes counts an init container that runs on as it counts the others.
            containers = [*running.get("initContainers", ()), *running["containers"]]
            each = sum((quantity(c["resources"][kind][resource]) for c in containers), Decimal(0))
            total += (pods + surge) * each
        counted = [ask.total(kind, resource) for ask in asks(manifests(config))]
        assert sum(counted, Decimal(0)) == total, (kind, resource)


def test_a_vertical_autoscalers_largest_requests_are_counted():
    bounds = {"cpu": {"min": "100m", "max": "800m"}}
    scale = {"replicas": 3, "cpu": "200m", "cpuLimit": "400m"}

    def asked(vertical: dict[str, Any]) -> tuple[Decimal, Decimal]:
        changes = {"kubernetes": {"quota": None}, "scaling": {"mcp-core": scale | vertical}}
        config = validate(changed("prod", changes), stack="prod")
        (core,) = (ask for ask in asks(manifests(config)) if ask.workload == "mcp-core")
        return core.total("requests", "cpu"), core.total("limits", "cpu")

    def resized(**fields: Any) -> tuple[Decimal, Decimal]:
        return asked({"vertical": {"mode": "Initial", **bounds, **fields}})

    pods = 3 + 2  # of which a rollout adds two
    at_most = pods * Decimal("0.8")
    as_configured = (pods * Decimal("0.2"), pods * Decimal("0.4"))
    assert asked({}) == as_configured
    assert resized(mode="Off", cpu={"min": "100m", "max": "400m"}) == as_configured
    assert resized(cpu={"min": "50m", "max": "100m"}) == as_configured
    assert resized(cpu={"min": "50m", "max": "400m"}) == (at_most / 2, as_configured[1])
    assert resized(controlledValues="RequestsAndLimits") == (at_most, 2 * at_most)


def counted(config: StackConfig) -> dict[str, int]:
    own = [one for one in manifests(config) if one.metadata.get("namespace") == config.namespace]
    return counts(own, config)


@pytest.mark.parametrize(
    ("kind", "counted_as", "more"),
    [
        ("ConfigMap", "configmaps", 12),
        ("Service", "services", 12),
        ("PersistentVolumeClaim", "persistentvolumeclaims", 12),
    ],
)
def test_an_object_that_is_added_to_workloads_is_counted(
    monkeypatch: pytest.MonkeyPatch, kind: str, counted_as: str, more: int
):
    """``more``: nine services, two data stores and the migration mount files."""
    config = platform_config("prod")
    before = counted(config)
    usual = pod.config_maps

    def with_another(workload_name: str, args: pod.PodArgs) -> list[Manifest]:
        made = Manifest(
            kind=kind, role="more", metadata=args.described(workload_name, "more"), fields={}
        )
        return [*usual(workload_name, args), made]

    monkeypatch.setattr(workload, "config_maps", with_another)
    after = counted(config)
    workloads = more - 1  # the migration has the files of its service, and makes none
    assert after == before | {counted_as: before[counted_as] + workloads}


def test_a_container_that_grows_in_its_component_exceeds_the_quota(monkeypatch: pytest.MonkeyPatch):
    config = platform_config("prod")
    assert list(the_quota_fits(config)) == []
    usual = server.server_container

    def larger(args: server.ServerArgs) -> Container:
        made = usual(args)
        return replace(made, resources=replace(made.resources, memory_limit="40Gi"))

    monkeypatch.setattr(server, "server_container", larger)
    (problem,) = the_quota_fits(config)
    assert problem.path == "qudag-mcp:kubernetes.quota.limitsMemory"
    assert problem.fix.startswith("set it to at least ")


def platform_config(stack: str) -> StackConfig:
    return validate(changed(stack, {}), stack=stack)
