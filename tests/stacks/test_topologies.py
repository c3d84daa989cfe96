"""What must hold for every topology of ours, stated apart from the code that declares them.

A change of a topology that breaks one of these is a change of who may talk to whom.
"""

from __future__ import annotations

from dataclasses import fields
from ipaddress import ip_address, ip_network
from typing import Any, Final

import pytest

from components.kubernetes.gateway import GatewayArgs
from components.kubernetes.resources import Resources
from graph.resource_graph import ResourceGraph
from stacks.config.stack import StackConfig
from stacks.topologies import TOPOLOGIES
from stacks.topologies.topology import Topology
from stacks.user_servers import with_user_servers
from tests.harness.graph_queries import objects, pods
from tests.harness.topologies import recorded

WHOLE: Final = {
    name: with_user_servers(topology, StackConfig(topology=name))
    for name, topology in TOPOLOGIES.items()
}
"""Each topology with the servers that it has by itself."""
EACH = pytest.mark.parametrize("topology", WHOLE.values(), ids=WHOLE)

FRONTS: Final = {
    "monolith": "mcp-server",
    "single-server": "mcp-server",
    "load-balanced": "nginx-ingress",
    "boilerplate": "mcp-gateway",
    "three-services": "mcp-gateway",
    "orchestration": "mcp-gateway",
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
    "three-services": {
        "postgres": {"mcp-typescript-api", "mcp-learning-system", "mcp-rust-server"},
        "redis": {"mcp-typescript-api", "mcp-learning-system", "mcp-rust-server"},
    },
    "orchestration": {
        "postgres": {"orchestration-engine", "database-migration"},
        "redis": {"orchestration-engine"},
    },
    "microservices": {
        "postgres": {"mcp-core", "mcp-state", "qudag-integration", "mcp-migration"},
        "redis": {"mcp-core", "mcp-state"},
    },
    "none": {},
}
"""Who may connect to the data stores."""
MIGRATIONS: Final = {"orchestration": "database-migration"}
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
    migration = MIGRATIONS.get(topology.name, "mcp-migration")
    opened = {(f.target, f.port) for f in topology.flows if f.source == migration}
    assert opened == ({("postgres", 5432)} if topology.jobs else set())
    assert sources(topology, migration) == set()


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
    """Port 9091 is the gateway's exporter, where a server in the same pods has 9090."""
    together = {"monolith", "single-server"}
    expected = {9090, 9091} if topology.name in together else {9090}
    assert {f.port for f in topology.flows if f.source == "prometheus"} == expected
    read = {f.target for f in topology.flows if f.source == "prometheus"}
    assert FRONTS[topology.name] in read


@EACH
def test_a_service_listens_on_the_ports_that_its_topology_knows(topology: Topology):
    graph: ResourceGraph = recorded(TOPOLOGIES[topology.name])
    listens = {found.name: {port for _, port in found.ports} for found in pods(graph)}
    for service in topology.services:
        image = {server["port"] for server in [topology.servers.get(service.name)] if server}
        assert listens[service.name] == {*service.ports, *image}


@EACH
def test_every_declared_flow_has_a_listener(topology: Topology):
    listens = {
        "postgres": {5432},
        "redis": {6379},
        **{service.name: set(service.ports) for service in topology.services},
    }
    outside = {"clients", "issuer", "qudag-peers", "prometheus"}
    for flow in topology.flows:
        assert flow.target in outside or flow.port in listens[flow.target]


@EACH
def test_no_flow_leads_to_the_metadata_service_of_a_cloud(topology: Topology):
    graph = recorded(TOPOLOGIES[topology.name])
    for policy in objects(graph, "NetworkPolicy"):
        for rule in policy["spec"].get("egress", []):
            for block in (peer["ipBlock"] for peer in rule.get("to", []) if "ipBlock" in peer):
                assert not reaches(block, "169.254.169.254")
                assert not reaches(block, "fd00:ec2::254")


def reaches(block: dict[str, Any], address: str) -> bool:
    where = ip_address(address)
    return where in ip_network(block["cidr"]) and not any(
        where in ip_network(cut) for cut in block.get("except", [])
    )


AGENTS: Final = {
    *("business-analyst-agent", "technical-architect-agent"),
    *("developer-agent", "qa-tester-agent"),
}


def test_an_agent_accepts_the_engine_alone_and_a_stand_in_connects_to_nothing():
    flows = WHOLE["orchestration"].flows
    for name in AGENTS:
        assert {(f.source, f.port) for f in flows if f.target == name} == {
            ("orchestration-engine", 8443)
        }
        assert not [flow for flow in flows if flow.source == name]


def test_an_agent_with_an_image_connects_to_the_egress_proxy_and_nothing_else():
    images = {name: {"image": f"registry.example.com/{name}:1.0.0"} for name in AGENTS}
    config = StackConfig.model_validate({"topology": "orchestration", "servers": images})
    flows = with_user_servers(TOPOLOGIES["orchestration"], config).flows
    ports: set[int] = set()
    for name in AGENTS:
        ((target, port),) = {(f.target, f.port) for f in flows if f.source == name}
        assert target == "egress-proxy"
        ports.add(port)
    assert len(ports) == len(AGENTS), "each has a list of hosts of its own"
    assert {(f.target, f.port) for f in flows if f.source == "egress-proxy"} == {("internet", 443)}


def test_the_tiers_of_the_three_services_are_their_flows():
    between = {
        (flow.source, flow.target)
        for flow in WHOLE["three-services"].flows
        if flow.source.startswith("mcp-") and flow.target in TOPOLOGIES["three-services"].servers
    }
    servers = ("mcp-typescript-api", "mcp-learning-system", "mcp-rust-server")
    entry = {(one, each) for one in ("mcp-gateway", "mcp-core") for each in servers}
    assert between == {*entry, ("mcp-typescript-api", "mcp-learning-system")}


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
