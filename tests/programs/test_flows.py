"""The NetworkPolicies of a deployed stack allow exactly the declared flows.

Checked for every ordered pair of workloads and parties, on every port that one of them listens on
and on some other ports. tests/harness/network_policy_model.py decides what the policies allow; it
is independent of the code that renders them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from itertools import product
from typing import Final

import pytest

from components.kubernetes.party import Flow
from graph.resource_graph import ResourceGraph
from stacks.topologies import TOPOLOGIES
from stacks.topologies.topology import CLIENTS, ISSUER, PEERS, POSTGRES, PROMETHEUS
from tests.harness.graph_queries import objects, pods
from tests.harness.network_policy_model import Endpoint, Enforcement
from tests.harness.stacks import stack as recorded

TOPOLOGY: Final = {"dev": "monolith", "staging": "microservices", "prod": "microservices"}
PARTIES: Final[Mapping[str, Mapping[str, Endpoint]]] = {
    "dev": {CLIENTS: Endpoint.address("192.168.7.7")},
    "staging": {
        CLIENTS: Endpoint.address("10.1.2.3"),
        ISSUER: Endpoint.address("10.20.0.9"),
        PROMETHEUS: Endpoint.pod("monitoring", app="prometheus"),
    },
    "prod": {
        CLIENTS: Endpoint.address("198.51.100.7"),
        ISSUER: Endpoint.address("10.20.0.9"),
        PEERS: Endpoint.address("203.0.113.9"),
        PROMETHEUS: Endpoint.pod("monitoring", app="prometheus"),
    },
}
"""Where the stacks' configurations put the parties that flows name."""

KEEPS_THE_AUDIT_LOG: Final = Flow(
    source="mcp-audit-keeper", target=POSTGRES, port=5432, why="audit log"
)
READS_THE_STORES: Final = (
    Flow(source=PROMETHEUS, target="postgres", port=9187, why="metrics"),
    Flow(source=PROMETHEUS, target="redis", port=9121, why="metrics"),
)
MORE: Final[Mapping[str, Sequence[Flow]]] = {
    "dev": (),
    "staging": (KEEPS_THE_AUDIT_LOG, *READS_THE_STORES),
    "prod": (KEEPS_THE_AUDIT_LOG, *READS_THE_STORES),
}
"""Flows that the stacks' configurations add: both have an audit log, and exporters of stores."""
ALSO: Final[Mapping[str, set[str]]] = {
    # Prod takes clients from every address, and an issuer or a peer has one too.
    "prod": {ISSUER, PEERS, "an address over IPv6"},
    # The issuer's network is inside that of staging's clients.
    "staging": {ISSUER},
    "dev": set(),
}
"""Parties that are clients as well, by their addresses."""

STRANGERS: Final[Mapping[str, Endpoint]] = {
    "an address over IPv6": Endpoint.address("2001:db8::1"),
    "the machine's credentials": Endpoint.address("169.254.169.254"),
    "the task's credentials": Endpoint.address("169.254.170.2"),
    "the machine's credentials over IPv6": Endpoint.address("fd00:ec2::254"),
    "another pod of the namespace": Endpoint.pod("qudag-mcp-STACK", app="intruder"),
    "a pod without labels": Endpoint.pod("qudag-mcp-STACK"),
    "a namesake in another namespace": Endpoint.pod("default", app="mcp-core"),
    "a gateway in another namespace": Endpoint.pod("default", app="mcp-gateway"),
    "another pod of the namespace of Prometheus": Endpoint.pod("monitoring", app="grafana"),
    "a Prometheus elsewhere": Endpoint.pod("default", app="prometheus"),
    "the API server": Endpoint.pod("kube-system", component="kube-apiserver"),
}
UNDECLARED: Final = {("TCP", 22), ("TCP", 443), ("TCP", 10250), ("UDP", 4001), ("UDP", 8443)}
DNS: Final = Endpoint.pod("kube-system", **{"k8s-app": "kube-dns"})

Passing = set[tuple[str, str, str, int]]


def endpoints(stack: ResourceGraph) -> dict[str, Endpoint]:
    """Every workload by its pods' own labels, and everybody who might want something of it."""
    namespace = stack.outputs["namespace"]
    workloads = {found.name: Endpoint.pod(namespace, **found.labels) for found in pods(stack)}
    strangers = {
        name: Endpoint(namespace, one.labels) if one.namespace == "qudag-mcp-STACK" else one
        for name, one in STRANGERS.items()
    }
    return {**workloads, **PARTIES[stack.stack], **strangers}


def enforced(stack: ResourceGraph) -> Enforcement:
    return Enforcement(objects(stack, "NetworkPolicy"))


def passing(stack: ResourceGraph, asked: Callable[..., bool]) -> Passing:
    """All that ``asked`` says may pass between any two, of which one is a workload of ours."""
    everybody = endpoints(stack)
    ours = {found.name for found in pods(stack)}
    ports = {port for found in pods(stack) for port in found.ports} | UNDECLARED
    return {
        (source, target, protocol, port)
        for source, target in product(everybody, repeat=2)
        if source in ours or target in ours
        for protocol, port in ports
        if asked(everybody[source], everybody[target], protocol, port)
    }


def declared(stack: ResourceGraph) -> Passing:
    """The topology's flows between workloads and the parties that this stack has."""
    present = {found.name for found in pods(stack)} | PARTIES[stack.stack].keys()
    flows = [
        (flow.source, flow.target, flow.protocol, flow.port)
        for flow in (*TOPOLOGIES[TOPOLOGY[stack.stack]].flows, *MORE[stack.stack])
        if {flow.source, flow.target} <= present
    ]
    as_clients = [
        (party, target, protocol, port)
        for source, target, protocol, port in flows
        for party in ALSO[stack.stack]
        if source == CLIENTS
    ]
    return {*flows, *as_clients}


def test_exactly_the_declared_flows_pass(stack: ResourceGraph):
    assert passing(stack, enforced(stack).allows) == declared(stack)


@pytest.mark.parametrize("end", ["source", "target"])
def test_each_end_lets_through_no_more_than_both_together(stack: ResourceGraph, end: str):
    ours = {found.name for found in pods(stack)}
    asked = enforced(stack).leaves if end == "source" else enforced(stack).arrives
    index = ("source", "target").index(end)
    alone = {flow for flow in passing(stack, asked) if flow[index] in ours}
    assert alone == {flow for flow in declared(stack) if flow[index] in ours}


def test_prod_has_every_party_of_its_topology():
    """Else the comparison above would leave a party's flows out on both sides."""
    flows = TOPOLOGIES["microservices"].flows
    named = {name for flow in flows for name in (flow.source, flow.target)}
    assert named <= endpoints(recorded("prod")).keys()


def test_every_declared_port_is_one_that_its_target_listens_on(stack: ResourceGraph):
    listens = {found.name: found.ports for found in pods(stack)}
    for _, target, protocol, port in declared(stack):
        assert target not in listens or (protocol, port) in listens[target]


def test_only_pods_that_open_connections_may_use_dns(stack: ResourceGraph):
    opens = {source for source, _, _, _ in declared(stack)}
    everybody, cluster = endpoints(stack), enforced(stack)
    for found in pods(stack):
        for protocol in ("UDP", "TCP"):
            may = cluster.allows(everybody[found.name], DNS, protocol, 53)
            assert may is (found.name in opens)
        assert not cluster.allows(everybody[found.name], DNS, "TCP", 9153)


def test_an_undeclared_pod_has_no_connections(stack: ResourceGraph):
    intruder = endpoints(stack)["another pod of the namespace"]
    cluster = enforced(stack)
    for other in (*endpoints(stack).values(), DNS):
        for protocol, port in (("UDP", 53), ("TCP", 443), ("TCP", 5432)):
            assert not cluster.allows(intruder, other, protocol, port)
            assert not cluster.allows(other, intruder, protocol, port)


def test_every_policy_binds_both_directions(stack: ResourceGraph):
    for policy in objects(stack, "NetworkPolicy"):
        assert set(policy["spec"]["policyTypes"]) == {"Ingress", "Egress"}


def test_no_rule_is_open_to_every_party_or_every_port(stack: ResourceGraph):
    for policy in objects(stack, "NetworkPolicy"):
        for rules, peers in (("ingress", "from"), ("egress", "to")):
            for rule in policy["spec"].get(rules, []):
                assert rule[peers]
                assert rule["ports"]
                assert all("port" in port and "endPort" not in port for port in rule["ports"])
