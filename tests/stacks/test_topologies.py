"""What must hold for every topology of ours, stated apart from the code that declares them.

A change of a topology that breaks one of these is a change of who may talk to whom.
"""

from __future__ import annotations

from dataclasses import fields
from typing import Final

import pytest

from components.kubernetes.gateway import GatewayArgs
from components.kubernetes.resources import Resources
from graph.resource_graph import ResourceGraph
from stacks.topologies import TOPOLOGIES
from stacks.topologies.topology import Topology
from tests.harness.graph_queries import pods
from tests.harness.topologies import recorded

EACH = pytest.mark.parametrize("topology", TOPOLOGIES.values(), ids=TOPOLOGIES)

FRONTS: Final = {
    "monolith": "mcp-server",
    "single-server": "mcp-server",
    "load-balanced": "nginx-ingress",
    "boilerplate": "mcp-gateway",
    "microservices": "mcp-gateway",
    "none": "mcp-gateway",
}
READERS: Final = {
    "monolith": {
        "postgres": {"mcp-server", "mcp-migration"},
        "redis": {"mcp-server"},
    },
    "single-server": {},
    "load-balanced": {
        "postgres": {"qudag-mcp", "mcp-migration"},
        "redis": {"qudag-mcp"},
    },
    "boilerplate": {
        "postgres": {"mcp-server", "mcp-migration"},
        "redis": {"mcp-server"},
    },
    "microservices": {
        "postgres": {"mcp-core", "mcp-state", "qudag-integration", "mcp-migration"},
        "redis": {"mcp-core", "mcp-state"},
    },
    "none": {},
}
"""Who may connect to the data stores."""
OUTBOUND: Final = {"issuer": {443}, "qudag-peers": {4001}}
"""Parties outside to which a platform connects, and their ports."""


def sources(topology: Topology, target: str) -> set[str]:
    return {flow.source for flow in topology.flows if flow.target == target}


def test_every_topology_has_its_row_here():
    assert TOPOLOGIES.keys() == FRONTS.keys() == READERS.keys()


@EACH
def test_only_the_front_accepts_clients(topology: Topology):
    accepting = {flow.target for flow in topology.flows if flow.source == "clients"}
    assert accepting == {FRONTS[topology.name]} == {topology.front.service}


@EACH
def test_clients_connect_to_the_fronts_public_ports_only(topology: Topology):
    assert {f.port for f in topology.flows if f.source == "clients"} == {8080, 8443}


@EACH
def test_only_the_listed_services_connect_to_the_data(topology: Topology):
    assert set(topology.data) == READERS[topology.name].keys()
    for store, readers in READERS[topology.name].items():
        assert sources(topology, store) == readers


@EACH
def test_the_data_stores_connect_to_nothing(topology: Topology):
    assert not {flow.source for flow in topology.flows} & {"postgres", "redis"}


@EACH
def test_the_migration_connects_to_the_database_alone(topology: Topology):
    opened = {(f.target, f.port) for f in topology.flows if f.source == "mcp-migration"}
    assert opened == ({("postgres", 5432)} if topology.data else set())
    assert sources(topology, "mcp-migration") == set()


@EACH
def test_flows_to_outside_parties_use_the_listed_ports_only(topology: Topology):
    parties = {"clients", "issuer", "qudag-peers", "prometheus"}
    called: dict[str, set[int]] = {}
    for flow in topology.flows:
        if flow.target in parties:
            called.setdefault(flow.target, set()).add(flow.port)
    assert {name: OUTBOUND.get(name) for name in called} == called


@EACH
def test_prometheus_reads_metrics_and_nothing_else(topology: Topology):
    assert {f.port for f in topology.flows if f.source == "prometheus"} == {9090}


@EACH
def test_a_service_listens_on_the_ports_that_its_topology_knows(topology: Topology):
    graph: ResourceGraph = recorded(topology)
    listens = {found.name: {port for _, port in found.ports} for found in pods(graph)}
    for service in topology.services:
        assert listens[service.name] == set(service.ports)


def test_the_small_services_may_use_half_a_gibibyte():
    graph = recorded(TOPOLOGIES["microservices"])
    limits = {found.name: found.containers[0]["resources"] for found in pods(graph)}
    for name in ("auth", "tools", "config", "state", "consensus", "crypto"):
        assert limits[f"mcp-{name}"] == {
            "requests": {"cpu": "50m", "memory": "128Mi", "ephemeral-storage": "64Mi"},
            "limits": {"cpu": "250m", "memory": "512Mi", "ephemeral-storage": "1Gi"},
        }


def test_a_gateway_has_small_default_resources():
    (default,) = [f.default_factory for f in fields(GatewayArgs) if f.name == "resources"]
    assert callable(default)
    assert default() == Resources(
        cpu="100m", memory="128Mi", cpu_limit="500m", memory_limit="512Mi"
    )
