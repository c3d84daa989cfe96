"""Stacks whose gateway is agentgateway: pods, flows, and who checks tokens."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any, Final

import pytest

from graph.resource_graph import ResourceGraph
from tests.harness.graph_queries import Pods, objects, pods
from tests.harness.network_policy_model import Endpoint, Enforcement
from tests.harness.user_servers import (
    AGENTGATEWAY,
    NETWORK,
    WITHOUT_LIMITS,
    every_field,
    recorded_once,
)

GOLDEN: Final = Path(__file__).parent / "golden/agentgateway.json"
FRONT: Final = {"monolith": "mcp-server", "microservices": "mcp-gateway", "none": "mcp-gateway"}
KEYS: Final = "https://login.example.com/keys"
OUTSIDE: Final = {
    "issuer": Endpoint.address("203.0.113.9"),
    "prometheus": Endpoint.pod("monitoring", app="prometheus"),
    "client": Endpoint.address("198.51.100.7"),
}
each_topology = pytest.mark.parametrize("topology", FRONT)


def front(graph: ResourceGraph, topology: str) -> Pods:
    (found,) = [each for each in pods(graph) if each.name == FRONT[topology]]
    return found


def configuration(graph: ResourceGraph) -> dict[str, Any]:
    (found,) = [
        json.loads(made["data"]["config.json"])
        for made in objects(graph, "ConfigMap")
        if "config.json" in made["data"]
    ]
    return found


def of_published_keys(topology: str) -> ResourceGraph:
    return recorded_once(
        {
            "topology": topology,
            "domain": "mcp.example.com",
            "network": NETWORK,
            "protocol": {"jwksUrl": KEYS, "requiredScopes": ["mcp"]},
            "servers": WITHOUT_LIMITS,
            "images": AGENTGATEWAY,
        }
    )


def test_the_configuration_equals_the_golden_file():
    made = json.dumps(configuration(every_field("none", "agentgateway")), indent=1) + "\n"
    if os.environ.get("ACCEPT_URNS"):
        GOLDEN.write_text(made)
    assert made.splitlines() == GOLDEN.read_text().splitlines()


@each_topology
def test_its_image_runs_in_the_front_and_the_servers_keep_nginx_for_tls(topology: str):
    graph = every_field(topology, "agentgateway")
    images = [each["image"] for each in front(graph, topology).spec["containers"]]
    assert images.count(AGENTGATEWAY["agentgateway"]) == 1
    (weather,) = [each for each in pods(graph) if each.name == "weather"]
    assert "nginx" in weather.container("tls")["image"]


@each_topology
def test_no_other_server_checks_tokens_for_it(topology: str):
    graph = every_field(topology, "agentgateway")
    texts = [
        made["data"]["server.toml"]
        for made in objects(graph, "ConfigMap")
        if "server.toml" in made["data"]
    ]
    assert texts
    assert not [text for text in texts if "protected_resources" in text]


@each_topology
def test_the_scopes_of_the_stack_and_of_each_server_are_required(topology: str):
    made = configuration(of_published_keys(topology))
    (listener,) = made["binds"][1]["listeners"]
    for route in listener["routes"]:
        if "mcpAuthentication" not in route["policies"]:
            continue
        required = [rule["require"] for rule in route["policies"]["authorization"]["rules"]]
        wanted = ["mcp", "weather.read"] if route["name"].startswith("weather") else ["mcp"]
        found = [rule.partition(" in ")[0] for rule in required if "jwt.scope" in rule]
        assert found == [f'"{scope}"' for scope in wanted]
        assert route["policies"]["mcpAuthentication"]["jwks"] == {"url": KEYS}


@each_topology
@pytest.mark.parametrize("published", [True, False])
def test_its_pods_reach_the_issuer_only_if_keys_are_published_there(
    topology: str, *, published: bool
):
    graph = of_published_keys(topology) if published else every_field(topology, "agentgateway")
    cluster = Enforcement(objects(graph, "NetworkPolicy"))
    pod = Endpoint.pod(graph.outputs["namespace"], **front(graph, topology).labels)
    assert cluster.allows(pod, OUTSIDE["issuer"], "TCP", 443) is published


@each_topology
def test_prometheus_alone_reads_its_metrics_and_clients_only_reach_http(topology: str):
    graph = every_field(topology, "agentgateway")
    cluster = Enforcement(objects(graph, "NetworkPolicy"))
    pod = Endpoint.pod(graph.outputs["namespace"], **front(graph, topology).labels)
    reached = {
        name: {
            port
            for port in (8080, 8443, 15000, 15020, 15021)
            if cluster.allows(OUTSIDE[name], pod, "TCP", port)
        }
        for name in ("client", "prometheus")
    }
    assert reached == {"client": {8080, 8443}, "prometheus": {15020}}


@each_topology
def test_outputs_are_those_of_nginx(topology: str):
    given, usual = every_field(topology, "agentgateway").outputs, every_field(topology).outputs
    assert given == usual


def test_a_stack_without_servers_needs_no_checks_of_tokens():
    graph = recorded_once(
        {
            "topology": "microservices",
            "domain": "mcp.example.com",
            "network": NETWORK,
            "images": AGENTGATEWAY,
        }
    )
    assert "mcpAuthentication" not in json.dumps(configuration(graph))
