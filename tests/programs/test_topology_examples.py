"""The stacks of examples/topologies, with the values of their source document.

The numbers here are those of the MCP-SSE deployment guide, not of the code.
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
SERVERS: Final = {"single-server": "mcp-server", "load-balanced": "qudag-mcp"}
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
def test_an_example_has_the_topology_of_its_folder_in_the_namespace_of_the_guide(name: str):
    assert sections(EXAMPLES[name])["topology"] == name
    assert graph(name).outputs["namespace"] == "qudag"


@each_example
def test_the_server_has_the_resources_and_probes_of_the_guide(name: str):
    server = container(name)
    asked, limited = server["resources"]["requests"], server["resources"]["limits"]
    assert (asked["cpu"], asked["memory"]) == ("500m", "256Mi")
    assert (limited["cpu"], limited["memory"]) == ("1", "512Mi")
    times = ("initialDelaySeconds", "periodSeconds", "failureThreshold")
    assert [server["livenessProbe"][time] for time in times] == [10, 10, 3]
    assert [server["readinessProbe"][time] for time in times] == [5, 5, 2]


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
