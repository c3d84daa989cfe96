"""The stacks of examples/topologies, with the values of their source document.

The numbers here are those of the MCP-SSE deployment guide, of the boilerplate document, of the
production deployment guide and of the orchestration document, not of the code.
"""

from __future__ import annotations

from typing import Any, Final

import pytest

from graph.resource_graph import ResourceGraph
from stacks.topologies import TOPOLOGIES
from tests.harness.graph_queries import objects, pods
from tests.harness.topologies import recorded
from tests.harness.topology_examples import (
    EXAMPLES,
    FILES,
    NFS,
    SMALL,
    deployment,
    graph,
    objects_named,
    sections,
)

SERVERS: Final = {
    "orchestration": "orchestration-engine",
    "single-server": "mcp-server",
    "load-balanced": "qudag-mcp",
    "boilerplate": "mcp-server",
}
AGENTS: Final = ("business-analyst", "technical-architect", "developer", "qa-tester")
"""The roles of the orchestration document."""
NAMESPACES: Final = {
    "orchestration": "mcp-orchestration",
    "three-services": "mcp-production",
    "single-server": "qudag",
    "load-balanced": "qudag",
    "boilerplate": "mcp-system",
}
RESOURCES: Final = {
    "orchestration": ("500m", "512Mi", "2", "2Gi"),
    "single-server": ("500m", "256Mi", "1", "512Mi"),
    "load-balanced": ("500m", "256Mi", "1", "512Mi"),
    "boilerplate": ("100m", "128Mi", "500m", "512Mi"),
}
"""Requests and limits of CPU and memory."""
PROBES: Final = {
    "orchestration": ([30, 10, 3], [5, 5, 3]),
    "single-server": ([10, 10, 3], [5, 5, 2]),
    "load-balanced": ([10, 10, 3], [5, 5, 2]),
    "boilerplate": ([30, 10, 3], [5, 5, 3]),
}
"""Delay, period and failures of liveness and readiness."""
each_example = pytest.mark.parametrize("name", EXAMPLES)
with_own_server = pytest.mark.parametrize("name", SERVERS)


def container(name: str) -> dict[str, Any]:
    """The server's container."""
    (found,) = (pod for pod in pods(graph(name)) if pod.name == SERVERS[name])
    (server,) = (each for each in found.spec["containers"] if "qudag-mcp-server" in each["image"])
    return server


@each_example
def test_an_example_has_the_topology_of_its_folder_in_the_namespace_of_its_document(name: str):
    assert sections(EXAMPLES[name])["topology"] == name
    assert graph(name).outputs["namespace"] == NAMESPACES[name]


@with_own_server
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
    assert utilization(spec) == {"cpu": 70, "memory": 80}
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


def test_the_engine_scales_as_in_the_orchestration_document():
    (spec,) = (
        made.inputs["spec"]
        for made in graph("orchestration").resources
        if made.inputs.get("metadata", {}).get("name") == "orchestration-engine-hpa"
    )
    assert (spec["minReplicas"], spec["maxReplicas"]) == (3, 10)
    assert utilization(spec) == {"cpu": 70, "memory": 80}
    assert spec["behavior"]["scaleUp"] == {
        "stabilizationWindowSeconds": 60,
        "policies": [{"type": "Percent", "value": 50, "periodSeconds": 60}],
    }
    assert spec["behavior"]["scaleDown"] == {
        "stabilizationWindowSeconds": 300,
        "policies": [{"type": "Percent", "value": 25, "periodSeconds": 60}],
    }


def utilization(spec: dict[str, Any]) -> dict[str, int]:
    targets = [metric["resource"] for metric in spec["metrics"]]
    return {target["name"]: target["target"]["averageUtilization"] for target in targets}


@pytest.mark.parametrize("role", AGENTS)
def test_an_agent_is_that_of_the_orchestration_document(role: str):
    made = graph("orchestration")
    spec = deployment(made, f"{role}-agent")
    (image,) = spec["template"]["spec"]["initContainers"]
    assert image["ports"] == [{"name": "http", "containerPort": 3001, "protocol": "TCP"}]
    asked, limited = image["resources"]["requests"], image["resources"]["limits"]
    assert (asked["cpu"], asked["memory"]) == ("250m", "256Mi")
    assert (limited["cpu"], limited["memory"]) == ("1", "1Gi")
    env = {each["name"]: each.get("value") for each in image["env"]}
    identifier = role.replace("-", "_")
    assert (env["ROLE_ID"], env["MCP_PORT"]) == (identifier, "3001")
    assert env["LLM_MODEL"] == "gpt-4o-mini"
    (mounted,) = (each for each in image["volumeMounts"] if "subPath" in each)
    assert mounted["mountPath"] == "/app/config/role.yaml"
    files = objects_named(made, f"{role}-agent-files")
    assert identifier in files["data"][mounted["subPath"]]
    assert spec["template"]["metadata"]["labels"]["role"] == role


def test_the_business_analyst_alone_scales_and_the_others_have_two_pods():
    made = graph("orchestration")
    scalers = {
        resource.inputs["spec"]["scaleTargetRef"]["name"]: resource.inputs["spec"]
        for resource in made.resources
        if resource.inputs.get("kind") == "HorizontalPodAutoscaler"
    }
    assert scalers.keys() == {"orchestration-engine", "business-analyst-agent"}
    spec = scalers["business-analyst-agent"]
    assert (spec["minReplicas"], spec["maxReplicas"]) == (2, 8)
    targets = [metric["containerResource"] for metric in spec["metrics"]]
    use = {target["name"]: target["target"]["averageUtilization"] for target in targets}
    assert use == {"cpu": 75, "memory": 85}
    for role in AGENTS[1:]:
        assert deployment(made, f"{role}-agent")["replicas"] == 2


def test_the_orchestration_has_the_namespaces_and_global_settings_of_its_document():
    made = graph("orchestration")
    assert set(made.outputs["namespaces"]) == {
        *("mcp-orchestration", "mcp-agents", "database", "cache"),
    }
    env = {each["name"]: each.get("value") for each in container("orchestration")["env"]}
    assert env["DEFAULT_LLM_MODEL"] == "gpt-4o"
    values = {each["metadata"]["name"]: each["data"] for each in objects(made, "ConfigMap")}
    assert values["mcp-global-config"] == {
        "ENVIRONMENT": "development",
        "LOG_LEVEL": "INFO",
        "POSTGRES_HOST": "postgres-service.database.svc",
        "REDIS_HOST": "redis-service.cache.svc",
        "MONITORING_ENABLED": "true",
        "RATE_LIMITING_ENABLED": "true",
        "MAX_CONCURRENT_WORKFLOWS": "100",
        "AGENT_TIMEOUT_SECONDS": "120",
    }
    assert values["region-config"] == {"REGION": "us-east-1"}


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


def test_every_stack_file_of_an_example_is_read_here():
    assert set(FILES) == {*EXAMPLES.values(), NFS, *SMALL.values()}


@pytest.mark.parametrize("name", ["three-services", "orchestration"])
def test_a_small_example_has_the_same_services_with_less_than_a_core(name: str):
    large, small = graph(name), graph(name, SMALL[name])
    policies = "kubernetes:networking.k8s.io/v1:NetworkPolicy"
    assert {pod.name for pod in pods(small)} == {pod.name for pod in pods(large)}
    assert {each.name for each in small.all(policies)} == {
        each.name for each in large.all(policies)
    }
    assert small.outputs["stand_ins"] == large.outputs["stand_ins"]
    asked = sum(
        pod.owner.inputs["spec"].get("replicas", 1) * millicores(container)
        for pod in pods(small)
        for container in pod.containers
    )
    assert asked < 1000


def millicores(container: dict[str, Any]) -> int:
    asked = container["resources"]["requests"]["cpu"]
    return int(asked.removesuffix("m")) if asked.endswith("m") else 1000 * int(asked)
