"""What a platform is reckoned to need is what its program registers."""

from __future__ import annotations

import json
from collections import Counter
from decimal import Decimal
from typing import Any

import pytest

from components.base.quantities import quantity as amount
from graph.recorder import record
from graph.resource_graph import ResourceGraph
from stacks.config.stack import StackConfig
from stacks.config.validation import validate
from stacks.program import main
from stacks.rules.capacity import asks, objects
from tests.invalid.cases import changed

RELEASED = f"ghcr.io/qudag/qudag-node:0.5.0@sha256:{'0' * 64}"
UPSTREAM = {"images": {"qudagProfile": "upstream", "qudagNode": RELEASED}}
PLATFORMS: dict[str, tuple[str, dict[str, Any]]] = {
    "dev": ("dev", {}),
    "staging": ("staging", {}),
    "prod": ("prod", {}),
    "prod with the released node": ("prod", UPSTREAM),
    "prod with three nodes": ("prod", {"scaling": {"qudag-integration": {"replicas": 3}}}),
}


def platform(stack: str, changes: dict[str, Any]) -> tuple[StackConfig, ResourceGraph]:
    """A stack's configuration, and what its program registers for it."""
    raw = changed(stack, changes)
    handed = {name: v if isinstance(v, str) else json.dumps(v) for name, v in raw.items()}
    return validate(raw, stack=stack), record(main, stack=stack, config=handed)


def templates(graph: ResourceGraph) -> int:
    """How many volumes the pods of StatefulSets claim for themselves."""
    return sum(
        len(made.inputs["spec"].get("volumeClaimTemplates", [])) * made.inputs["spec"]["replicas"]
        for made in graph.resources
        if made.type == "kubernetes:apps/v1:StatefulSet"
    )


@pytest.mark.parametrize(("stack", "changes"), PLATFORMS.values(), ids=PLATFORMS.keys())
def test_the_objects_that_a_quota_counts_are_those_of_the_program(
    stack: str, changes: dict[str, Any]
):
    config, graph = platform(stack, changes)
    made = Counter(resource.inputs.get("kind") for resource in graph.resources)
    assert objects(config) == {
        "services": made["Service"],
        "configmaps": made["ConfigMap"] + 1,  # kube-root-ca.crt, which every namespace has
        "persistentvolumeclaims": made["PersistentVolumeClaim"] + templates(graph),
        "secrets": len(graph.outputs["required_secrets"]),
    }


@pytest.mark.parametrize(("stack", "changes"), PLATFORMS.values(), ids=PLATFORMS.keys())
def test_what_a_quota_must_allow_is_the_sum_of_all_pods_at_their_largest(
    stack: str, changes: dict[str, Any]
):
    config, graph = platform(stack, changes)
    most = {
        made.inputs["spec"]["scaleTargetRef"]["name"]: made.inputs["spec"]["maxReplicas"]
        for made in graph.resources
        if made.type.endswith(":HorizontalPodAutoscaler")
    }
    for field, kind, resource in (
        ("cpu", "requests", "cpu"),
        ("memory", "requests", "memory"),
        ("cpu_limit", "limits", "cpu"),
        ("memory_limit", "limits", "memory"),
    ):
        total = Decimal(0)
        for made in graph.resources:
            spec = made.inputs.get("spec", {})
            if "template" not in spec or "containers" not in spec["template"].get("spec", {}):
                continue
            pods = most.get(made.inputs["metadata"]["name"], spec.get("replicas", 1))
            surge = spec.get("strategy", {}).get("rollingUpdate", {}).get("maxSurge", 0)
            containers = spec["template"]["spec"]["containers"]
            each = sum((amount(c["resources"][kind][resource]) for c in containers), Decimal(0))
            total += (pods + surge) * each
        assert sum((ask.total(field) for ask in asks(config)), Decimal(0)) == total, field
