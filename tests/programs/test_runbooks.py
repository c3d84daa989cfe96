"""A stack with alerts has the runbook of each of them, and of no other, in its cluster."""

from __future__ import annotations

import re
from typing import Any, Final

import pytest

from graph.resource_graph import ResourceGraph
from policies import findings
from tests.harness.graph_queries import objects
from tests.harness.monitored_stacks import ALERTS, API_SERVER, stack
from tests.harness.user_servers import NETWORK, recorded

MOST: Final = 256 * 1024
"""Bytes: without --server-side `kubectl apply` writes the object into an annotation so large."""


def rules(graph: ResourceGraph) -> dict[str, Any]:
    """The alerts of a stack of kind operator, by name."""
    (made,) = objects(graph, "PrometheusRule")
    every = [rule for group in made["spec"]["groups"] for rule in group["rules"]]
    return {rule["alert"]: rule for rule in every if "alert" in rule}


def config_maps(graph: ResourceGraph) -> list[dict[str, Any]]:
    return [one for one in objects(graph, "ConfigMap") if one["metadata"]["name"] == "runbooks"]


def pages(graph: ResourceGraph) -> dict[str, str]:
    (made,) = config_maps(graph)
    return made["data"]


@pytest.mark.parametrize(
    "topology",
    ["monolith", *(pytest.param(t, marks=pytest.mark.slow) for t in ("microservices", "none"))],
)
def test_each_alert_of_the_stack_has_its_page_in_the_cluster_and_none_else(topology: str):
    graph = stack(topology)
    assert {name: text.splitlines()[0] for name, text in pages(graph).items()} == {
        name: f"# {name}" for name in rules(graph)
    }
    assert sum(len(text.encode()) for text in pages(graph).values()) < MOST


def test_an_alert_says_how_its_page_is_printed():
    graph = stack("monolith")
    (made,) = config_maps(graph)
    namespace = made["metadata"]["namespace"]
    assert namespace == "qudag-mcp-dev"
    assert {
        name: rule["annotations"]["runbook_command"] for name, rule in rules(graph).items()
    } == {
        name: f"kubectl -n {namespace} get configmap runbooks --output=jsonpath={{.data.{name}}}"
        for name in pages(graph)
    }


def test_a_page_has_the_expression_and_the_names_of_the_stack():
    graph = stack("monolith")
    text = pages(graph)["MCPServerHighLatency"]
    assert rules(graph)["MCPServerHighLatency"]["expr"] in text
    assert " > 7" in text  # the threshold of this stack
    assert "kubectl -n qudag-mcp-dev top pods" in text
    assert "--stack dev" in pages(graph)["PlatformDown"]
    every = "\n".join(pages(graph).values())
    assert not re.search(r"qudag-mcp-prod|mcp-core|<!--|\]\(", every)


@pytest.mark.slow
def test_a_stack_of_its_own_prometheus_has_them_in_the_namespace_of_monitoring():
    (made,) = config_maps(stack("monolith", "standalone"))
    assert made["metadata"]["namespace"] == "qudag-mcp-dev-monitoring"


def test_the_config_map_breaks_no_rule():
    graph = stack("monolith")
    made = {one.urn for one in graph.resources if "runbooks" in one.urn}
    assert len(made) == 2
    assert [one for one in findings(graph) if one.urn in made] == []


@pytest.mark.slow
def test_a_stack_can_leave_them_out():
    own = {k: v for k, v in ALERTS.items() if k != "exporters"}
    config = {
        "topology": "monolith",
        "network": NETWORK,
        "kubernetes": {"apiServer": API_SERVER},
        "observability": {"kind": "operator", "alerts": {**own, "runbooksInCluster": False}},
    }
    graph = recorded(config)
    assert config_maps(graph) == []
    assert not [r for r in rules(graph).values() if "runbook_command" in r["annotations"]]


@pytest.mark.slow
def test_the_database_and_the_cache_of_the_orchestration_are_asked_in_their_namespaces():
    text = pages(stack("orchestration"))
    assert "kubectl -n qudag-mcp-dev-cache logs redis-0" in text["ValkeyDown"]
    assert "kubectl -n qudag-mcp-dev-cache get persistentvolumeclaims" in text["ValkeyDown"]
    assert "kubectl -n qudag-mcp-dev-database get pods -l app=postgres" in text["DatabaseDown"]
