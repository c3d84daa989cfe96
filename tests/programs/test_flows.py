"""The NetworkPolicies of a deployed stack allow exactly the declared flows.

Checked for every ordered pair of workloads and parties, on every port that one of them listens on
and on some other ports. tests/harness/network_policy_model.py decides what the policies allow; it
is independent of the code that renders them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
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
SINKS: Final = "the sinks of log lines and traces"
PARTIES: Final[Mapping[str, Mapping[str, Endpoint]]] = {
    "dev": {CLIENTS: Endpoint.address("192.168.7.7")},
    "staging": {
        CLIENTS: Endpoint.address("10.1.2.3"),
        ISSUER: Endpoint.address("10.20.0.9"),
        PROMETHEUS: Endpoint.pod("monitoring", app="prometheus"),
        SINKS: Endpoint.address("10.40.0.9"),
    },
    "prod": {
        CLIENTS: Endpoint.address("198.51.100.7"),
        ISSUER: Endpoint.address("10.20.0.9"),
        PEERS: Endpoint.address("203.0.113.9"),
        PROMETHEUS: Endpoint.pod("monitoring", app="prometheus"),
        SINKS: Endpoint.address("10.40.0.9"),
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
SEND_TRACES: Final = (
    *("mcp-gateway", "mcp-core", "mcp-auth", "mcp-config", "mcp-consensus", "mcp-crypto"),
    *("mcp-state", "mcp-tools", "qudag-integration"),
)
COLLECTS: Final = (
    Flow(source="log-collector", target="log-forwarder", port=4318, why="log lines"),
    Flow(source="log-forwarder", target=SINKS, port=9200, why="log lines"),
    Flow(source="log-retention", target=SINKS, port=9200, why="retention of log lines"),
    Flow(source="log-retention", target="log-forwarder", port=4318, why="its last run"),
    *(Flow(source=one, target="trace-collector", port=4318, why="spans") for one in SEND_TRACES),
    Flow(source="trace-collector", target=SINKS, port=443, why="traces"),
    Flow(source=PROMETHEUS, target="log-collector", port=8888, why="metrics"),
    Flow(source=PROMETHEUS, target="log-forwarder", port=9090, why="metrics"),
    Flow(source=PROMETHEUS, target="trace-collector", port=8888, why="metrics"),
)
MORE: Final[Mapping[str, Sequence[Flow]]] = {
    "dev": (),
    "staging": (KEEPS_THE_AUDIT_LOG, *READS_THE_STORES, *COLLECTS),
    "prod": (KEEPS_THE_AUDIT_LOG, *READS_THE_STORES, *COLLECTS),
}
"""Flows that the stacks' configurations add: both have an audit log, exporters of stores, and
collectors of log lines and traces that send to sinks outside."""
ALSO: Final[Mapping[str, set[str]]] = {
    # Prod takes clients from every address, which all of these have.
    "prod": {ISSUER, PEERS, SINKS, "an address beside the sinks", "an address over IPv6"},
    # These are inside the networks of the clients of staging and dev.
    "staging": {ISSUER, SINKS, "an address beside the sinks"},
    "dev": {"an address beside the sinks"},
}
"""Parties that are clients as well, by their addresses."""

STRANGERS: Final[Mapping[str, Endpoint]] = {
    "an address beside the sinks": Endpoint.address("10.40.1.9"),
    "an address over IPv6": Endpoint.address("2001:db8::1"),
    "the machine's credentials": Endpoint.address("169.254.169.254"),
    "the task's credentials": Endpoint.address("169.254.170.2"),
    "the machine's credentials over IPv6": Endpoint.address("fd00:ec2::254"),
    "another pod of the namespace": Endpoint.pod("qudag-mcp-STACK", app="intruder"),
    "a pod without labels": Endpoint.pod("qudag-mcp-STACK"),
    "a pod of the namespace of collectors": Endpoint.pod("qudag-mcp-STACK-logs", app="intruder"),
    "a pod of the namespace of monitoring": Endpoint.pod(
        "qudag-mcp-STACK-monitoring", app="intruder"
    ),
    "a namesake of the collector of traces": Endpoint.pod("qudag-mcp-STACK", app="trace-collector"),
    "a namesake of the collector of lines": Endpoint.pod("qudag-mcp-STACK", app="log-collector"),
    "a namesake of a server": Endpoint.pod("qudag-mcp-STACK-monitoring", app="mcp-core"),
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
    own = stack.outputs["namespace"]
    workloads = {
        found.name: Endpoint.pod(found.owner.inputs["metadata"]["namespace"], **found.labels)
        for found in pods(stack)
    }
    # Dev has no collectors, and no namespaces of theirs.
    there = {None, "default", "kube-system", "monitoring"}
    there |= {one["metadata"]["name"] for one in objects(stack, "Namespace")}
    placed = {
        name: replace(
            one, namespace=one.namespace and one.namespace.replace("qudag-mcp-STACK", own)
        )
        for name, one in STRANGERS.items()
    }
    strangers = {name: one for name, one in placed.items() if one.namespace in there}
    return {**workloads, **PARTIES[stack.stack], **strangers}


def enforced(stack: ResourceGraph) -> Enforcement:
    return Enforcement(objects(stack, "NetworkPolicy"))


def passing(stack: ResourceGraph, asked: Callable[..., bool]) -> Passing:
    """All that ``asked`` says may pass between any two, of which one is a workload of ours."""
    everybody = endpoints(stack)
    ours = {found.name for found in pods(stack)}
    ports = {port for found in pods(stack) for port in found.ports} | UNDECLARED
    ports |= {(protocol, port) for *_, protocol, port in declared(stack)}
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


INTRUDERS: Final = (
    "another pod of the namespace",
    "a pod of the namespace of collectors",
    "a pod of the namespace of monitoring",
)


def test_an_undeclared_pod_has_no_connections(stack: ResourceGraph):
    everybody, cluster = endpoints(stack), enforced(stack)
    for name in INTRUDERS:
        if name not in everybody:
            assert stack.stack == "dev"
            continue
        for other in (*everybody.values(), DNS):
            for protocol, port in (("UDP", 53), ("TCP", 443), ("TCP", 4318), ("TCP", 5432)):
                assert not cluster.allows(everybody[name], other, protocol, port)
                assert not cluster.allows(other, everybody[name], protocol, port)


def test_each_collector_of_prod_has_a_flow_that_is_compared():
    flows = declared(recorded("prod"))
    collectors = {"log-collector", "log-forwarder", "log-retention", "trace-collector"}
    sending = {source for source, *_ in flows}
    assert collectors <= sending
    assert collectors - {"log-retention"} <= {target for _, target, *_ in flows}


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
