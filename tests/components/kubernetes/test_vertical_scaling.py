"""A VerticalPodAutoscaler resizes the containers that have bounds, and no others."""

from __future__ import annotations

from typing import Any

import pytest

from components.base.problems import ProblemReport
from components.kubernetes.core import Monolith
from components.kubernetes.gateway import Gateway
from components.kubernetes.qudag_node import QudagNode, QudagNodeArgs
from components.kubernetes.scaling import Autoscaling
from components.kubernetes.server import McpService
from components.kubernetes.vertical_scaling import (
    ContainerBounds,
    CpuBounds,
    MemoryBounds,
    VerticalScaling,
)
from components.kubernetes.workload import Workload, WorkloadKind
from tests.harness import record
from tests.harness.graph_queries import objects
from tests.harness.minimal_args import container, gateway, monolith, server, workload

CPU = CpuBounds(min="100m", max="400m")
MEMORY = MemoryBounds(min="128Mi", max="512Mi")
TWO = (container(), container(name="tls", ports=[]))


def made(*containers: Any, **args: Any) -> dict[str, Any]:
    graph = record(lambda: Workload("mcp-core", workload(*containers, **args)))
    (found,) = objects(graph, "VerticalPodAutoscaler")
    return found


def refused(*containers: Any, **args: Any) -> list[str]:
    with pytest.raises(ProblemReport) as report:
        made(*containers, **args)
    return [problem.path.partition(".")[2] for problem in report.value.problems]


def policies(found: dict[str, Any]) -> dict[str, Any]:
    listed = found["spec"]["resourcePolicy"]["containerPolicies"]
    return {one["containerName"]: one for one in listed}


def test_bounds_say_which_resources_are_controlled():
    both = made(vertical=VerticalScaling(mode="Initial", cpu=CPU, memory=MEMORY))
    assert policies(both)["server"] == {
        "containerName": "server",
        "mode": "Auto",
        "controlledResources": ["cpu", "memory"],
        "controlledValues": "RequestsOnly",
        "minAllowed": {"cpu": "100m", "memory": "128Mi"},
        "maxAllowed": {"cpu": "400m", "memory": "512Mi"},
    }
    one = policies(made(vertical=VerticalScaling(mode="Initial", memory=MEMORY)))["server"]
    assert one["controlledResources"] == ["memory"]
    assert one["maxAllowed"] == {"memory": "512Mi"}


def test_a_container_without_bounds_is_left_as_it_is():
    found = policies(made(*TWO, vertical=VerticalScaling(mode="Initial", cpu=CPU)))
    assert found["tls"] == {"containerName": "tls", "mode": "Off"}
    bounded = {"tls": ContainerBounds(memory=MEMORY)}
    found = policies(made(*TWO, vertical=VerticalScaling(mode="Initial", containers=bounded)))
    assert found["server"] == {"containerName": "server", "mode": "Off"}
    assert found["tls"]["mode"] == "Auto"


@pytest.mark.parametrize("kind", WorkloadKind)
def test_it_targets_the_workload_that_has_the_pods(kind: WorkloadKind):
    found = made(kind=kind, vertical=VerticalScaling(mode="Recreate", cpu=CPU))
    assert found["metadata"]["name"] == "mcp-core-vpa"
    assert found["spec"]["targetRef"] == {
        "apiVersion": "apps/v1",
        "kind": kind.value,
        "name": "mcp-core",
    }
    assert found["spec"]["updatePolicy"] == {"updateMode": "Recreate"}


def test_a_single_pod_is_evicted_only_if_the_args_accept_it():
    vertical = VerticalScaling(mode="Recreate", cpu=CPU, evict_single_pod=True)
    assert made(replicas=1, vertical=vertical)["spec"]["updatePolicy"]["minReplicas"] == 1
    single = VerticalScaling(mode="Recreate", cpu=CPU)
    assert refused(replicas=1, vertical=single) == ["vertical.mode"]
    scaling = Autoscaling(min=1, max=4, cpu=None)
    assert refused(scaling=scaling, vertical=single) == ["vertical.mode"]
    assert refused(replicas=2, vertical=vertical) == ["vertical.evict_single_pod"]


@pytest.mark.parametrize(
    ("scaling", "at"),
    [
        (Autoscaling(min=2, max=4, cpu=70, memory=None), ["vertical.cpu"]),
        (Autoscaling(min=2, max=4, cpu=None, memory=70), []),
        (Autoscaling(min=2, max=4, cpu=70, memory=None, container="tls"), []),
        (Autoscaling(min=2, max=4, cpu=70, memory=None, container="server"), ["vertical.cpu"]),
    ],
)
def test_pods_and_requests_never_follow_the_same_use(scaling: Autoscaling, at: list[str]):
    vertical = VerticalScaling(mode="Initial", cpu=CPU)
    if at:
        assert refused(*TWO, scaling=scaling, vertical=vertical) == at
    else:
        assert policies(made(*TWO, scaling=scaling, vertical=vertical))["server"]["mode"] == "Auto"


def test_mode_off_is_accepted_beside_an_autoscaler():
    both = Autoscaling(min=2, max=4, cpu=70, memory=80)
    found = made(scaling=both, vertical=VerticalScaling(mode="Off", cpu=CPU, memory=MEMORY))
    assert found["spec"]["updatePolicy"] == {"updateMode": "Off"}


@pytest.mark.parametrize(
    ("vertical", "at"),
    [
        (VerticalScaling(mode="Off"), "vertical.cpu"),
        (
            VerticalScaling(mode="Off", cpu=CpuBounds(min="2", max="100m")),
            "vertical.cpu.min",
        ),
        (
            VerticalScaling(mode="Off", memory=MemoryBounds(min="1Gi", max="1Mi")),
            "vertical.memory.min",
        ),
        (
            VerticalScaling(mode="Off", cpu=CpuBounds(min="1", max="2")),
            "vertical.cpu.max",  # above the limit of 500m
        ),
        (
            VerticalScaling(mode="Off", containers={"redis": ContainerBounds(cpu=CPU)}),
            "vertical.containers.redis",
        ),
        (
            VerticalScaling(mode="Off", cpu=CPU, containers={"tls": ContainerBounds()}),
            "vertical.containers.tls",
        ),
        (
            VerticalScaling(
                mode="Off", cpu=CPU, containers={"server": ContainerBounds(memory=MEMORY)}
            ),
            "vertical.containers.server",
        ),
    ],
)
def test_bounds_without_effect_are_refused(vertical: VerticalScaling, at: str):
    assert refused(*TWO, vertical=vertical) == [at]


def test_a_sidecar_has_no_bounds():
    """VPA 1.8 reads and changes containers, and init containers that run on are none of them."""
    pods = (container(sidecar=True), container(name="tls", ports=[]))
    vertical = VerticalScaling(mode="Off", main="tls", cpu=CPU)
    assert policies(made(*pods, vertical=vertical))["server"]["mode"] == "Off"
    bounds = {"server": ContainerBounds(cpu=CPU)}
    vertical = VerticalScaling(mode="Off", main="tls", containers=bounds)
    assert refused(*pods, vertical=vertical) == ["vertical.containers.server"]
    vertical = VerticalScaling(mode="Off", cpu=CPU)
    assert refused(*pods, vertical=vertical) == ["vertical.cpu"]


def test_the_main_container_is_one_of_the_pods():
    vertical = VerticalScaling(mode="Off", main="redis", cpu=CPU)
    assert refused(*TWO, vertical=vertical) == ["vertical.main"]


def test_limits_that_follow_allow_more_than_todays_limit():
    wide = CpuBounds(min="100m", max="1")
    vertical = VerticalScaling(mode="Initial", cpu=wide, controlled_values="RequestsAndLimits")
    assert policies(made(vertical=vertical))["server"]["maxAllowed"] == {"cpu": "1"}


def test_every_kind_of_server_can_have_one():
    vertical = VerticalScaling(mode="Initial", cpu=CPU)

    def program() -> None:
        Gateway("front", gateway(vertical=vertical))
        McpService("mcp-state", server(vertical=vertical))
        QudagNode("node", QudagNodeArgs(server=server(vertical=vertical)))
        Monolith("mcp-server", monolith(vertical=vertical))

    found = {
        one["spec"]["targetRef"]["name"]: policies(one)
        for one in objects(record(program), "VerticalPodAutoscaler")
    }
    assert {
        name: one[main]["mode"]
        for name, main, one in (
            ("front", "front", found["front"]),
            ("mcp-state", "mcp-state", found["mcp-state"]),
            ("node", "node", found["node"]),
            ("mcp-server", "server", found["mcp-server"]),
        )
    } == dict.fromkeys(found, "Auto")
    assert found["mcp-server"]["gateway"]["mode"] == "Off"


def test_an_autoscaler_without_a_target_is_refused():
    """The API server would set one: 80 % of the requested CPU."""
    assert refused(scaling=Autoscaling(min=1, max=2, cpu=None, memory=None)) == ["scaling"]
