"""The stacks of examples/topologies, with the values of their source document.

The numbers here are those of the MCP-SSE deployment guide and of the boilerplate document, not of
the code.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any, Final

import pytest

from graph.resource_graph import ResourceGraph
from graph.stack_yaml import read_stack_file
from stacks.topologies import TOPOLOGIES
from tests.harness.containers import ROOT
from tests.harness.graph_queries import pods
from tests.harness.topologies import recorded

EXAMPLES: Final = {
    file.parent.name: file for file in (ROOT / "examples/topologies").glob("*/Pulumi.*.yaml")
}
SERVERS: Final = {
    "single-server": "mcp-server",
    "load-balanced": "qudag-mcp",
    "boilerplate": "mcp-server",
}
NAMESPACES: Final = {
    "single-server": "qudag",
    "load-balanced": "qudag",
    "boilerplate": "mcp-system",
}
RESOURCES: Final = {
    "single-server": ("500m", "256Mi", "1", "512Mi"),
    "load-balanced": ("500m", "256Mi", "1", "512Mi"),
    "boilerplate": ("100m", "128Mi", "500m", "512Mi"),
}
"""Requests and limits of CPU and memory."""
PROBES: Final = {
    "single-server": ([10, 10, 3], [5, 5, 2]),
    "load-balanced": ([10, 10, 3], [5, 5, 2]),
    "boilerplate": ([30, 10, 3], [5, 5, 3]),
}
"""Delay, period and failures of liveness and readiness."""
each_example = pytest.mark.parametrize("name", EXAMPLES)


def sections(file: Path) -> dict[str, Any]:
    stated = read_stack_file(file)
    return {key.removeprefix("qudag-mcp:"): value for key, value in stated.items()}


@cache
def graph(name: str) -> ResourceGraph:
    stated = sections(EXAMPLES[name])
    return recorded(TOPOLOGIES[stated.pop("topology")], stated)


def container(name: str) -> dict[str, Any]:
    """The server's container."""
    (found,) = (pod for pod in pods(graph(name)) if pod.name == SERVERS[name])
    (server,) = (each for each in found.spec["containers"] if "qudag-mcp-server" in each["image"])
    return server


@each_example
def test_an_example_has_the_topology_of_its_folder_in_the_namespace_of_its_document(name: str):
    assert sections(EXAMPLES[name])["topology"] == name
    assert graph(name).outputs["namespace"] == NAMESPACES[name]


@each_example
def test_the_server_has_the_resources_and_probes_of_its_document(name: str):
    server = container(name)
    asked, limited = server["resources"]["requests"], server["resources"]["limits"]
    assert (asked["cpu"], asked["memory"], limited["cpu"], limited["memory"]) == RESOURCES[name]
    times = ("initialDelaySeconds", "periodSeconds", "failureThreshold")
    liveness, readiness = (
        [server[f"{p}Probe"][t] for t in times] for p in ("liveness", "readiness")
    )
    assert (liveness, readiness) == PROBES[name]


def autoscaler(made: ResourceGraph) -> dict[str, Any]:
    (found,) = (r for r in made.resources if r.type.endswith(":HorizontalPodAutoscaler"))
    return found.inputs["spec"]


def test_the_boilerplate_scales_as_its_first_autoscaler():
    spec = autoscaler(recorded(TOPOLOGIES["boilerplate"]))
    assert (spec["minReplicas"], spec["maxReplicas"]) == (3, 10)
    assert spec["behavior"] == {
        "scaleDown": {
            "stabilizationWindowSeconds": 300,
            "policies": [{"type": "Percent", "value": 10, "periodSeconds": 60}],
        },
        "scaleUp": {
            "stabilizationWindowSeconds": 60,
            "policies": [{"type": "Percent", "value": 50, "periodSeconds": 60}],
        },
    }


def test_the_example_of_the_boilerplate_scales_as_its_advanced_autoscaler():
    spec = autoscaler(graph("boilerplate"))
    assert (spec["minReplicas"], spec["maxReplicas"]) == (2, 20)
    targets = [metric["resource"] for metric in spec["metrics"]]
    use = {target["name"]: target["target"]["averageUtilization"] for target in targets}
    assert use == {"cpu": 70, "memory": 80}
    assert spec["behavior"] == {
        "scaleDown": {
            "stabilizationWindowSeconds": 300,
            "policies": [
                {"type": "Percent", "value": 10, "periodSeconds": 60},
                {"type": "Pods", "value": 2, "periodSeconds": 60},
            ],
            "selectPolicy": "Min",
        },
        "scaleUp": {
            "stabilizationWindowSeconds": 60,
            "policies": [
                {"type": "Percent", "value": 100, "periodSeconds": 60},
                {"type": "Pods", "value": 4, "periodSeconds": 60},
            ],
            "selectPolicy": "Max",
        },
    }


def test_three_servers_are_balanced_and_none_is_missing_in_a_rollout():
    (servers,) = (
        resource.inputs["spec"]
        for resource in graph("load-balanced").resources
        if resource.type == "kubernetes:apps/v1:Deployment"
        and resource.inputs["metadata"]["name"] == "qudag-mcp"
    )
    assert servers["replicas"] == 3
    assert servers["strategy"]["rollingUpdate"] == {"maxSurge": 1, "maxUnavailable": 0}


def test_a_single_server_has_no_data_store():
    assert [pod.name for pod in pods(graph("single-server"))] == ["mcp-server"]
