"""What is said of a workload's size is what its pods have."""

from __future__ import annotations

from typing import Any

import pytest

from delivery.optimisation.workload_sizes import sized_workloads
from stacks.config.validation import validate
from tests.harness.graph_queries import objects, pods
from tests.harness.user_servers import NETWORK, recorded

SERVERS = {"weather": {"image": "ghcr.io/acme/weather:1", "scale": {"min": 3, "max": 9}}}


@pytest.mark.slow
@pytest.mark.parametrize("topology", ["monolith", "microservices", "load-balanced", "boilerplate"])
def test_sizes_are_those_of_the_named_container(topology: str):
    config: dict[str, Any] = {"topology": topology, "network": NETWORK, "servers": SERVERS}
    graph = recorded(config)
    there = {pod.name: pod for pod in pods(graph)}
    bounds = {
        one["spec"]["scaleTargetRef"]["name"]: one["spec"]
        for one in objects(graph, "HorizontalPodAutoscaler")
    }
    found = list(sized_workloads(validate(config, stack="dev")))
    assert {"weather"} < {one.name for one in found}
    for one in found:
        container = there[one.name].container(one.container)
        assert one.namespace == there[one.name].owner.inputs["metadata"]["namespace"]
        for kind, suffix in (("requests", ""), ("limits", "_limit")):
            stated = container["resources"][kind]
            assert stated["cpu"] == one.now[f"cpu{suffix}"]
            assert stated["memory"] == one.now[f"memory{suffix}"]
        if one.name in bounds:
            spec = bounds[one.name]
            assert (one.least, one.most) == (spec["minReplicas"], spec["maxReplicas"])
        else:
            assert one.pods == there[one.name].owner.inputs["spec"]["replicas"]
