"""Policies from flows: exactly what was declared, for any declaration."""

from __future__ import annotations

import ipaddress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from components.base.platform_addresses import METADATA_ADDRESSES
from components.base.problems import ProblemReport
from components.kubernetes.dns import Dns, DnsPods
from components.kubernetes.flow import FlowPolicies, FlowPoliciesArgs, policies
from components.kubernetes.party import Flow, Neighbour, Outside, Party
from tests.harness import record
from tests.harness.graph_queries import objects
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


DNS_SERVERS = {
    "kube-dns and CoreDNS": (Endpoint.pod("kube-system", **{"k8s-app": "kube-dns"}), 53),
    "NodeLocal DNSCache": (Endpoint.address("169.254.20.10"), 53),
    "NodeLocal DNSCache behind Cilium": (
        Endpoint.pod("kube-system", **{"k8s-app": "node-local-dns"}),
        53,
    ),
    "OpenShift": (
        Endpoint.pod("openshift-dns", **{"dns.operator.openshift.io/daemonset-dns": "default"}),
        5353,
    ),
}
CALLS = Flow(source="a", target="b", port=443, why="calls")


def enforced(*declared: Flow, **args: Any) -> Enforcement:
    """What the policies of a ``FlowPolicies`` with these args allow."""
    given = FlowPoliciesArgs(namespace="ns", workloads=["a", "b"], flows=list(declared), **args)
    return Enforcement(objects(record(lambda: FlowPolicies("flows", given)), "NetworkPolicy"))


@pytest.mark.parametrize("server", DNS_SERVERS)
@pytest.mark.parametrize("protocol", ["UDP", "TCP"])
def test_names_resolve_on_every_common_cluster(server: str, protocol: str):
    endpoint, port = DNS_SERVERS[server]
    assert enforced(CALLS).allows(ENDPOINTS["a"], endpoint, protocol, port)


@pytest.mark.parametrize("server", DNS_SERVERS)
def test_egress_to_dns_servers_is_allowed_at_their_port_only(server: str):
    for port in {53, 5353, 80, 443, 8080, 9153} - {DNS_SERVERS[server][1]}:
        assert not enforced(CALLS).allows(ENDPOINTS["a"], DNS_SERVERS[server][0], "TCP", port)


def test_configured_dns_servers_take_the_place_of_the_default_ones():
    dns = Dns(
        pods=[DnsPods(namespace="dns", labels={"app": "knot"}, port=1053)],
        addresses=["10.96.0.10", "fd00::a"],
    )
    made = enforced(CALLS, dns=dns)
    reached = [
        (Endpoint.pod("dns", app="knot"), 1053),
        (Endpoint.address("10.96.0.10"), 53),
        (Endpoint.address("fd00::a"), 53),
    ]
    assert all(made.allows(ENDPOINTS["a"], *at) for at in [(e, "UDP", p) for e, p in reached])
    for endpoint, port in DNS_SERVERS.values():
        assert not made.allows(ENDPOINTS["a"], endpoint, "UDP", port)


@pytest.mark.parametrize(
    ("dns", "said"),
    [
        (Dns(pods=[], addresses=[]), "dns.pods: is an empty list"),
        (Dns(pods=[DnsPods(namespace="dns", labels={})]), "labels: is an empty mapping"),
        (Dns(addresses=["169.254.169.254"]), "metadata service"),
        (Dns(addresses=["10.96.0.10/32"]), "an IP address without a mask"),
        (Dns(addresses=["999.0.0.1"]), "there is no such address"),
    ],
)
def test_invalid_dns_servers_are_refused(dns: Dns, said: str):
    with pytest.raises(ProblemReport) as report:
        enforced(CALLS, dns=dns)
    assert said in str(report.value)


OUTWARDS = Flow(source="a", target="out", port=443, why="calls")
PRIVATE = [
    *("10.0.0.0/8", "10.96.0.0/16", "172.16.0.0/12", "172.0.0.0/8", "192.168.0.0/23"),
    *("100.64.0.0/10", "fd00:1::/48", "::ffff:10.0.0.0/104"),
]


@pytest.mark.parametrize("cidr", PRIVATE)
def test_egress_to_a_large_private_network_is_refused_if_the_api_server_is_unknown(cidr: str):
    said = refused([OUTWARDS], Outside(name="out", cidrs=[cidr]))
    assert "the addresses of the API server are unknown" in said
    assert "kubectl get service,endpointslices -n default" in said


@pytest.mark.parametrize("cidr", ["10.20.0.0/24", "fd00:1::/64", "8.0.0.0/8"])
def test_egress_to_one_subnet_or_a_public_network_needs_no_address_of_the_api_server(cidr: str):
    assert enforced(OUTWARDS, outsides=[Outside(name="out", cidrs=[cidr])])


def test_clients_of_a_large_private_network_are_accepted():
    inward = Flow(source="out", target="a", port=443, why="calls")
    assert enforced(inward, outsides=[Outside(name="out", cidrs=["10.0.0.0/8"])])


@given(st.ip_addresses(v=4), st.integers(9, 32), st.integers(9, 32))
def test_api_server_networks_are_excluded_from_egress(address: Any, wide: int, narrow: int):
    def around(prefix: int) -> str:
        return str(ipaddress.ip_network(f"{address}/{prefix}", strict=False))

    policy = policies(
        ["a"],
        [OUTWARDS],
        [Outside(name="out", cidrs=[around(min(wide, narrow))])],
        api_server=[around(max(wide, narrow))],
    )
    made = Enforcement([{"metadata": {"namespace": "ns"}, "spec": policy["a"]}])
    assert not made.allows(ENDPOINTS["a"], Endpoint.address(str(address)), "TCP", 443)


def test_a_network_without_the_api_servers_addresses_is_not_changed():
    made = enforced(
        OUTWARDS,
        outsides=[Outside(name="out", cidrs=["10.0.0.0/8"])],
        api_server=["10.96.0.1/32", "10.0.0.0/28"],
    )
    for address, passes in (("10.96.0.1", False), ("10.0.0.9", False), ("10.20.0.5", True)):
        to = Endpoint.address(address)
        assert made.allows(ENDPOINTS["a"], to, "TCP", 443) is passes


@pytest.mark.parametrize("cidr", ["10.96.0.1/32", "10.96.0.0/28", "::ffff:10.96.0.1/128"])
def test_a_flow_to_the_api_server_is_refused(cidr: str):
    with pytest.raises(ProblemReport, match="address of the cluster's API server"):
        enforced(
            OUTWARDS,
            outsides=[Outside(name="out", cidrs=[cidr])],
            api_server=["10.96.0.0/28"],
        )


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
