"""A real KEDA accepts the ScaledObjects of a stack and makes the autoscalers that it describes."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable

import pytest

from components.base.problems import ProblemReport
from delivery.kubectl import Object
from delivery.server_side_apply import Change
from tests.controllers.scaled_stack import (
    CORE,
    EVERY_METRIC,
    NAMESPACE,
    STREAMS,
    TOOLS,
    Scaled,
    ScaledStack,
)
from tests.harness.prometheus import Guard
from tests.harness.server import until
from tests.harness.topologies import NETWORK
from tests.harness.user_servers import recorded

WORKLOADS = ("mcp-core", "mcp-tools")
READY_WITHIN_SECONDS = 60
CPU = {"type": "cpu", "metricType": "Utilization", "metadata": {"value": "60"}}


@pytest.fixture(scope="module")
def ready(stack: ScaledStack) -> ScaledStack:
    """The stack, once KEDA and Kubernetes have acted on it."""

    def has_fewest_pods() -> bool:
        fewest = stack.autoscaler("mcp-gateway")["spec"]["minReplicas"]
        return stack.pods("mcp-gateway") == fewest

    for workload in WORKLOADS:
        until(lambda workload=workload: stack.is_ready(workload), READY_WITHIN_SECONDS)
    # Kubernetes' own autoscaler has raised the gateway to its fewest pods.
    until(has_fewest_pods, READY_WITHIN_SECONDS)
    return stack


def test_the_autoscaler_has_the_bounds_and_the_pace_of_the_stack_file(ready: ScaledStack):
    core, tools = (ready.autoscaler(workload)["spec"] for workload in WORKLOADS)
    assert (core["minReplicas"], core["maxReplicas"]) == (CORE["min"], CORE["max"])
    assert (tools["minReplicas"], tools["maxReplicas"]) == (TOOLS["min"], TOOLS["max"])
    assert core["scaleTargetRef"] == {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "name": "mcp-core",
    }
    pace = {"type": "Pods", "value": 10, "periodSeconds": 1}
    for direction in ("scaleUp", "scaleDown"):
        assert core["behavior"][direction]["stabilizationWindowSeconds"] == 0
        assert core["behavior"][direction]["policies"] == [pace]
    usual = tools["behavior"]["scaleDown"]
    assert usual["stabilizationWindowSeconds"] == 300
    assert usual["policies"] == [{"type": "Percent", "value": 10, "periodSeconds": 60}]


def test_the_autoscaler_follows_every_metric_and_cpu_and_memory(ready: ScaledStack):
    core, tools = (ready.autoscaler(workload)["spec"]["metrics"] for workload in WORKLOADS)
    (streams,) = core
    assert streams["external"]["target"] == {
        "type": "AverageValue",
        "averageValue": str(STREAMS),
    }
    external = [one for one in tools if one["type"] == "External"]
    assert len(external) == len(EVERY_METRIC)
    used = {
        one["resource"]["name"]: one["resource"]["target"]["averageUtilization"]
        for one in tools
        if one["type"] == "Resource"
    }
    assert used == {"cpu": 60, "memory": 75}


def test_keda_reads_every_metric_with_the_token_and_the_authority(ready: ScaledStack, guard: Guard):
    """The scaler's health of each: KEDA has queried it, and there was a value."""

    def happy() -> bool:
        health = ready.get("scaledobject.keda.sh", "mcp-tools")["status"].get("health", {})
        seen = [one["status"] for one in health.values()]
        return seen == ["Happy"] * len(EVERY_METRIC)

    until(happy, 90)
    assert guard.refused == []


def test_a_second_deployment_changes_nothing_and_keeps_the_autoscaler(ready: ScaledStack):
    """It deletes objects that have left the stack: KEDA's autoscaler is none of them."""
    before = {workload: ready.autoscaler(workload)["metadata"]["uid"] for workload in WORKLOADS}
    changes = dict(ready.deploy().changes)
    assert {name: one for name, one in changes.items() if one is not Change.UNCHANGED} == {}
    after = {workload: ready.autoscaler(workload)["metadata"]["uid"] for workload in WORKLOADS}
    assert after == before


def of_the_same_pods(one: Object) -> None:
    one["metadata"]["name"] = "another"


def of_absent_pods(one: Object) -> None:
    one["metadata"]["name"] = one["spec"]["scaleTargetRef"]["name"] = "not-there"
    one["spec"]["advanced"]["horizontalPodAutoscalerConfig"]["name"] = "not-there-hpa"
    one["spec"]["triggers"].append(CPU)


def crossed_bounds(one: Object) -> None:
    one["spec"]["minReplicaCount"] = one["spec"]["maxReplicaCount"] + 1


def unknown_fallback(one: Object) -> None:
    one["spec"]["fallback"]["behavior"] = "currentReplicasIfLarger"


def fallback_of_cpu_alone(one: Object) -> None:
    one["spec"]["triggers"] = [CPU]


@pytest.mark.parametrize(
    ("verb", "broken", "because"),
    [
        ("create", of_the_same_pods, "already managed by the ScaledObject 'mcp-core'"),
        ("create", of_absent_pods, '"not-there" not found'),
        ("replace", crossed_bounds, "must be less than"),
        ("replace", unknown_fallback, "Unsupported value"),
        ("replace", fallback_of_cpu_alone, "for the fallback to be enabled"),
    ],
)
def test_a_broken_scaled_object_is_refused(
    ready: ScaledStack, verb: str, broken: Callable[[Object], None], because: str
):
    """The webhook that accepts the stack's ScaledObjects does refuse others."""
    refused = ready.server.kubectl(verb, "-f", "-", stdin=changed(ready, broken))
    assert refused.returncode != 0
    assert because in refused.stderr


def without_address(one: Object) -> None:
    del one["spec"]["triggers"][0]["metadata"]["serverAddress"]


def unknown_trigger(one: Object) -> None:
    one["spec"]["triggers"][0]["type"] = "prometheuss"


def unknown_authentication(one: Object) -> None:
    one["spec"]["triggers"][0]["authenticationRef"]["name"] = "not-there"


@pytest.mark.parametrize("broken", [without_address, unknown_trigger, unknown_authentication])
def test_a_scaled_object_that_cannot_work_is_not_ready(
    ready: ScaledStack, broken: Callable[[Object], None]
):
    whole = changed(ready, lambda one: None)
    try:
        accepted = ready.server.kubectl("replace", "-f", "-", stdin=changed(ready, broken))
        assert accepted.returncode == 0, accepted.stderr
        until(lambda: ready.condition("mcp-core", "Ready").get("status") == "False", 30)
    finally:
        restored = ready.server.kubectl("replace", "-f", "-", stdin=whole)
        assert restored.returncode == 0, restored.stderr
    until(lambda: ready.is_ready("mcp-core"), READY_WITHIN_SECONDS)


def changed(stack: ScaledStack, change: Callable[[Object], None]) -> str:
    """The ScaledObject of mcp-core as the API server has it, with a change."""
    one = copy.deepcopy(stack.get("scaledobject.keda.sh", "mcp-core"))
    del one["metadata"]["resourceVersion"], one["metadata"]["uid"], one["status"]
    change(one)
    return json.dumps(one)


def test_an_autoscaler_by_cpu_is_taken_over_and_a_fixed_number_is_the_way_back(
    ready: ScaledStack,
):
    try:
        ready.deploy(Scaled.FIXED)
        until(lambda: not any(ready.autoscalers(workload) for workload in WORKLOADS), 30)
        assert [ready.pods(workload) for workload in WORKLOADS] == [CORE["min"], TOOLS["min"]]
        ready.deploy(Scaled.BY_CPU)
        for workload in WORKLOADS:
            assert "ownerReferences" not in ready.autoscaler(workload)["metadata"]
    finally:
        ready.deploy(Scaled.BY_METRICS)
    for workload in WORKLOADS:
        until(lambda workload=workload: owner(ready, workload) == workload, READY_WITHIN_SECONDS)
        until(lambda workload=workload: ready.is_ready(workload), READY_WITHIN_SECONDS)


def owner(stack: ScaledStack, workload: str) -> str | None:
    """Name of the ScaledObject that the only autoscaler of a workload belongs to."""
    for one in stack.autoscalers(workload):
        assert one["metadata"]["name"] == f"{workload}-hpa"
        for owner in one["metadata"].get("ownerReferences", []):
            if owner["kind"] == "ScaledObject":
                return str(owner["name"])
    return None


def test_vertical_scaling_of_what_keda_scales_by_is_refused():
    vertical = {"mode": "Initial", "cpu": {"min": "50m", "max": "200m"}}
    core = {"metrics": {"mcp_open_streams": STREAMS}, "vertical": vertical}
    with pytest.raises(ProblemReport) as report:
        recorded(
            {
                "topology": "microservices",
                "network": NETWORK,
                "kubernetes": {"namespace": NAMESPACE, "quota": None},
                "observability": {
                    "prometheus": {"address": "http://prometheus.monitoring.svc:9090"}
                },
                "scaling": {"mcp-core": core},
            }
        )
    (problem,) = report.value.problems
    assert problem.path.endswith("scaling.mcp-core.vertical.cpu")
