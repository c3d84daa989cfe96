"""Policies from flows: exactly what was declared, for any declaration."""

from __future__ import annotations

import ipaddress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from components.base.platform_addresses import METADATA_ADDRESSES
from components.base.problems import ProblemReport
from components.kubernetes.flow import (
    Flow,
    FlowPolicies,
    FlowPoliciesArgs,
    Neighbour,
    Outside,
    Party,
    policies,
)
from tests.harness import record
from tests.harness.network_policy_model import Endpoint, Enforcement

WORKLOADS = ("a", "b", "c")
PORTS = (443, 5432, 9090)
PARTIES: dict[str, Party] = {
    "world": Outside(name="world", cidrs=["192.0.2.0/24", "2001:db8::/32"]),
    "prometheus": Neighbour(name="prometheus", namespace="monitoring", labels={"app": "prom"}),
}
ENDPOINTS = {
    **{name: Endpoint.pod("ns", app=name) for name in WORKLOADS},
    "world": Endpoint.address("192.0.2.7"),
    "prometheus": Endpoint.pod("monitoring", app="prom"),
    "stranger": Endpoint.address("198.51.100.1"),
    "other pods of monitoring": Endpoint.pod("monitoring", app="else"),
    "namesake elsewhere": Endpoint.pod("elsewhere", app="a"),
}
names = st.sampled_from([*WORKLOADS, *PARTIES])
flows = st.builds(
    Flow,
    source=names,
    target=names,
    port=st.sampled_from(PORTS),
    why=st.just("calls"),
    protocol=st.sampled_from(["TCP", "UDP"]),
)
declarations = st.lists(flows, max_size=8)


def network(declared: list[Flow]) -> Enforcement:
    specs = policies(WORKLOADS, declared, list(PARTIES.values()))
    return Enforcement([{"metadata": {"namespace": "ns"}, "spec": spec} for spec in specs.values()])


def refused(declared: list[Flow], *parties: Party) -> str:
    outsides = [party for party in parties if isinstance(party, Outside)]
    args = FlowPoliciesArgs(namespace="ns", workloads=["a"], flows=declared, outsides=outsides)
    with pytest.raises(ProblemReport) as report:
        record(lambda: FlowPolicies("flows", args))
    return str(report.value)


@given(declarations)
def test_exactly_the_declared_flows_pass(declared: list[Flow]):
    made = network(declared)
    stated = {(f.source, f.target, f.protocol, f.port) for f in declared}
    passing = {
        (source, target, protocol, port)
        for source in ENDPOINTS
        for target in ENDPOINTS
        if {source, target} & set(WORKLOADS)
        for protocol in ("TCP", "UDP")
        for port in (*PORTS, 1)
        if made.allows(ENDPOINTS[source], ENDPOINTS[target], protocol, port)
    }
    assert passing == {flow for flow in stated if {flow[0], flow[1]} & set(WORKLOADS)}


@given(declarations)
def test_only_workloads_with_egress_flows_may_use_dns(declared: list[Flow]):
    made = network(declared)
    dns = Endpoint.pod("kube-system", **{"k8s-app": "kube-dns"})
    for name in WORKLOADS:
        opens = any(f.source == name for f in declared)
        for protocol in ("TCP", "UDP"):
            assert made.allows(ENDPOINTS[name], dns, protocol, 53) is opens


@given(st.lists(st.ip_addresses(v=4).map(str), min_size=1, max_size=3), st.integers(1, 30))
def test_no_network_lets_a_pod_reach_a_machines_credentials(addresses: list[str], prefix: int):
    cidrs = [str(ipaddress.ip_network(f"{a}/{prefix}", strict=False)) for a in addresses]
    declared = [Flow(source="a", target="out", port=80, why="calls")]
    specs = policies(["a"], declared, [Outside(name="out", cidrs=cidrs)])
    made = Enforcement([{"metadata": {"namespace": "ns"}, "spec": spec} for spec in specs.values()])
    for credential in METADATA_ADDRESSES:
        address = Endpoint.address(credential.partition("/")[0])
        assert not made.allows(ENDPOINTS["a"], address, "TCP", 80)


@pytest.mark.parametrize("cidr", ["0.0.0.0/0", "::/0", "0.0.0.0/00", "::ffff:0:0/96"])
def test_a_flow_to_all_addresses_is_refused(cidr: str):
    outside = Outside(name="out", cidrs=["192.0.2.0/24", cidr])
    assert "is all addresses" in refused(
        [Flow(source="a", target="out", port=80, why="calls")], outside
    )


MAPPED = [f"::ffff:{a.replace('/32', '/128')}" for a in METADATA_ADDRESSES if "." in a]


@pytest.mark.parametrize("address", [*METADATA_ADDRESSES, *MAPPED])
def test_a_flow_to_a_metadata_address_is_refused(address: str):
    outside = Outside(name="out", cidrs=[address])
    said = refused([Flow(source="a", target="out", port=80, why="calls")], outside)
    assert "address of a cloud's metadata service" in said


@pytest.mark.parametrize("cidr", ["10.0.0.1/8", "login.example.com", "10.0.0.0/33", ""])
@pytest.mark.parametrize("end", ["source", "target"])
def test_text_that_is_not_a_network_is_refused(cidr: str, end: str):
    ends: dict[str, Any] = {"source": "a", "target": "a", end: "out"}
    said = refused([Flow(**ends, port=80, why="calls")], Outside(name="out", cidrs=[cidr]))
    assert "flows.outsides[0].cidrs[0]: is " in said


def test_an_ipv4_network_in_the_form_of_ipv6_is_written_as_ipv4_with_its_exceptions():
    outside = Outside(name="out", cidrs=["::ffff:168.63.0.0/112"])
    (spec,) = policies(
        ["a"], [Flow(source="a", target="out", port=80, why="calls")], [outside]
    ).values()
    (block,) = (peer["ipBlock"] for peer in spec["egress"][0]["to"])
    assert block == {"cidr": "168.63.0.0/16", "except": ["168.63.129.16/32"]}


def test_a_flow_from_all_addresses_is_accepted():
    world = Outside(name="out", cidrs=["0.0.0.0/0"])
    assert policies(["a"], [Flow(source="out", target="a", port=443, why="calls")], [world])


@pytest.mark.parametrize("end", ["source", "target"])
def test_a_flow_with_an_unknown_party_is_refused(end: str):
    ends: dict[str, Any] = {"source": "a", "target": "a", end: "nobody"}
    assert "no workload or party has the name 'nobody'" in refused(
        [Flow(**ends, port=1, why="calls")]
    )


def test_a_workload_without_flows_is_cut_off():
    (spec,) = policies(["a"], []).values()
    assert spec == {
        "podSelector": {"matchLabels": {"app": "a"}},
        "policyTypes": ["Ingress", "Egress"],
    }


CLIENTS = Outside(name="clients", cidrs=["10.0.0.0/8"])
OUTWARD = Flow(source="a", target="clients", port=443, why="answers")
INWARD = Flow(source="clients", target="a", port=443, why="calls")


@pytest.mark.parametrize("flow", [OUTWARD, INWARD])
def test_a_party_without_networks_is_refused_since_kubernetes_reads_it_as_everybody(flow: Flow):
    text = refused([flow], Outside(name="clients", cidrs=[]))
    assert "outsides[0].cidrs: is an empty list" in text


@pytest.mark.parametrize("halves", [["0.0.0.0/1", "128.0.0.0/1"], ["::/1"], ["8.0.0.0/7"]])
def test_sending_to_the_world_in_parts_is_refused(halves: list[str]):
    assert "a large part of the internet" in refused(
        [OUTWARD], Outside(name="clients", cidrs=halves)
    )


def test_a_neighbour_without_labels_is_refused_since_it_is_a_whole_namespace():
    args = FlowPoliciesArgs(
        namespace="ns",
        workloads=["a"],
        flows=[],
        neighbours=[Neighbour(name="prometheus", namespace="monitoring", labels={})],
    )
    with pytest.raises(ProblemReport, match=r"neighbours\[0\]\.labels: is an empty mapping"):
        record(lambda: FlowPolicies("flows", args))


@pytest.mark.parametrize("name", ["a", "clients"])
def test_two_parties_of_one_name_are_refused(name: str):
    assert f"have the name '{name}'" in refused(
        [INWARD], CLIENTS, Outside(name=name, cidrs=["10.0.0.0/8"])
    )
