"""Nodes outside of the cluster: their addresses in the nodes' configuration, a Service for them."""

from __future__ import annotations

import tomllib
from typing import Any

import pytest

from components.base.problems import ProblemReport
from components.kubernetes.qudag_node import NodeProfile, PeerService, QudagNode, QudagNodeArgs
from graph.resource_graph import ResourceGraph
from tests.harness import record
from tests.harness.graph_queries import objects
from tests.harness.minimal_args import config, server
from tests.harness.stacks import stack

FROM = ["203.0.113.0/24"]


def graph(**changes: Any) -> ResourceGraph:
    args = QudagNodeArgs(server=server(config=config(role="qudag"), replicas=2), **changes)
    return record(lambda: QudagNode("node", args))


def service_for_peers(graph: ResourceGraph, name: str = "node") -> dict[str, Any]:
    (found,) = [s for s in objects(graph, "Service") if s["metadata"]["name"] == f"{name}-peers"]
    return found["spec"]


@pytest.mark.parametrize("profile", NodeProfile)
@pytest.mark.parametrize("kind", [PeerService.LOAD_BALANCER, PeerService.NODE_PORT])
def test_a_service_for_other_nodes_offers_their_port_alone(profile: NodeProfile, kind: PeerService):
    spec = service_for_peers(graph(profile=profile, peer_service=kind, peers_from=FROM))
    assert (spec["type"], [port["port"] for port in spec["ports"]]) == (kind.value, [4001])
    assert spec["externalTrafficPolicy"] == "Local"
    assert spec.get("loadBalancerSourceRanges", FROM) == FROM


def test_by_default_no_service_offers_the_peer_port():
    assert {s["spec"].get("type", "ClusterIP") for s in objects(graph(), "Service")} == {
        "ClusterIP"
    }


def test_a_peer_service_needs_peers_from():
    with pytest.raises(ProblemReport, match="peers_from"):
        graph(peer_service=PeerService.LOAD_BALANCER)


def test_nodes_of_prod_have_the_peer_addresses_of_the_stack_file_and_a_peer_service():
    (text,) = [
        c["data"]["node.toml"]
        for c in objects(stack("prod"), "ConfigMap")
        if "node.toml" in c["data"]
    ]
    assert "/ip4/203.0.113.10/tcp/4001" in tomllib.loads(text)["network"]["peers"]
    spec = service_for_peers(stack("prod"), "qudag-integration")
    assert (spec["type"], spec["loadBalancerSourceRanges"]) == ("LoadBalancer", FROM)


def test_the_released_program_gets_the_peer_addresses_as_flags():
    made = graph(profile=NodeProfile.UPSTREAM, peers=["/ip4/203.0.113.10/tcp/4001"])
    (script,) = [
        c["data"]["start.sh"] for c in objects(made, "ConfigMap") if "start.sh" in c["data"]
    ]
    assert "--peer /ip4/203.0.113.10/tcp/4001" in script
