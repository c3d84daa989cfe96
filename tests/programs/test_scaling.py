"""The section `scaling` of a stack file reaches the objects that scale."""

from __future__ import annotations

import json
from typing import Any

from graph.recorder import record
from graph.resource_graph import ResourceGraph
from stacks.program import main
from tests.harness.graph_queries import objects, pods
from tests.harness.prod import IN_CLOUDS
from tests.invalid.cases import changed

VERTICAL = {
    "mode": "InPlaceOrRecreate",
    "memory": {"min": "128Mi", "max": "512Mi"},
}


def scaled(scaling: dict[str, Any], stack: str = "prod", **sections: Any) -> ResourceGraph:
    raw = changed(stack, {"scaling": scaling, **sections}, drop=IN_CLOUDS)
    handed = {name: v if isinstance(v, str) else json.dumps(v) for name, v in raw.items()}
    return record(main, stack=stack, config=handed)


def test_pods_follow_cpu_and_requests_follow_memory():
    made = scaled({"mcp-core": {"targets": {"cpu": 60}, "vertical": VERTICAL}})
    (core,) = (
        one["spec"]
        for one in objects(made, "HorizontalPodAutoscaler")
        if one["metadata"]["name"] == "mcp-core-hpa"
    )
    assert core["metrics"] == [
        {
            "type": "Resource",
            "resource": {
                "name": "cpu",
                "target": {"type": "Utilization", "averageUtilization": 60},
            },
        }
    ]
    (vertical,) = objects(made, "VerticalPodAutoscaler")
    assert vertical["spec"]["updatePolicy"] == {"updateMode": "InPlaceOrRecreate"}
    (policy,) = vertical["spec"]["resourcePolicy"]["containerPolicies"]
    assert policy["containerName"] == "mcp-core"
    assert (policy["minAllowed"], policy["maxAllowed"]) == (
        {"memory": "128Mi"},
        {"memory": "512Mi"},
    )


def test_the_monoliths_server_is_resized_and_its_nginx_only_with_bounds():
    vertical = {
        "mode": "Initial",
        "cpu": {"min": "100m", "max": "500m"},
        "containers": {"gateway": {"memory": {"min": "64Mi", "max": "128Mi"}}},
    }
    (found,) = objects(
        scaled({"mcp-server": {"vertical": vertical}}, stack="dev"), "VerticalPodAutoscaler"
    )
    resized = {
        one["containerName"]: one.get("controlledResources")
        for one in found["spec"]["resourcePolicy"]["containerPolicies"]
    }
    assert resized == {"gateway": ["memory"], "server": ["cpu"]}


def test_pods_follow_open_streams_that_prometheus_has_scraped():
    asked = {
        "address": "https://prometheus.example.com",
        "token": {"secret": "prometheus", "key": "token"},
    }
    core = {"targets": {"cpu": 60}, "metrics": {"mcp_open_streams": 50}}
    made = scaled({"mcp-core": core}, observability={"prometheus": asked})
    (found,) = objects(made, "ScaledObject")
    assert [one["type"] for one in found["spec"]["triggers"]] == ["cpu", "prometheus"]
    names = [one["metadata"]["name"] for one in objects(made, "HorizontalPodAutoscaler")]
    assert "mcp-core-hpa" not in names
    assert "mcp-gateway-hpa" in names
    (secret,) = (one for one in made.outputs["required_secrets"] if one["name"] == "prometheus")
    assert (secret["kind"], secret["keys"]) == ("given", ["token"])


def test_an_autoscaler_of_nodes_may_evict_the_pods_that_the_stack_says():
    kubernetes = {
        "pods": {"nodeScaleDown": "evict"},
        "servicePods": {"postgres": {"nodeScaleDown": "prevent"}},
    }
    made = scaled({}, kubernetes=kubernetes)
    evict = "cluster-autoscaler.kubernetes.io/safe-to-evict"
    keep = "karpenter.sh/do-not-disrupt"
    found = {one.name: one.template["metadata"]["annotations"] for one in pods(made)}
    stated = {name: (one.get(evict), one.get(keep)) for name, one in found.items()}
    assert stated.pop("postgres") == ("false", "true")
    assert len(stated) > 5
    assert set(stated.values()) == {("true", None)}
    unset = {
        name
        for one in pods(scaled({}, stack="dev"))
        for name in one.template["metadata"]["annotations"]
    }
    assert not {evict, keep} & unset
