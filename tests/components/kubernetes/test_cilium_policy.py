"""CiliumNetworkPolicies: the listed hosts by name, DNS that Cilium sees, and no private address."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from ipaddress import ip_address, ip_network
from typing import Any, Final

import pytest

from components.kubernetes.cilium_policy import host_policy
from components.kubernetes.dns import Dns, DnsPods
from components.kubernetes.flow import FlowPolicies, FlowPoliciesArgs
from components.kubernetes.party import Flow, Outside
from tests.harness import record
from tests.harness.graph_queries import objects

HOSTS: Final = ["api.weather.gov:443", "maps.example.com:8443", "tiles.example.com:8443"]
NOT_PUBLIC: Final = (
    *("0.0.0.0", "10.0.0.1", "100.64.0.1", "127.0.0.1", "168.63.129.16", "169.254.169.254"),
    *("172.16.0.1", "192.168.1.1", "198.18.0.1", "224.0.0.1", "240.0.0.1", "255.255.255.255"),
    *("::1", "::ffff:10.0.0.1", "::a9fe:a9fe", "64:ff9b::a9fe:a9fe", "100::1", "2001:db8::1"),
    *("2002:a9fe:a9fe::1", "fc00::1", "fd00:ec2::254", "fe80::1", "ff02::1"),
)


def reaches(spec: Mapping[str, Any], host: str, port: int, address: str) -> bool:
    """Whether a connection is allowed after a look-up of ``host`` that answered ``address``.

    As Cilium decides: a rule of ``egressDeny`` prevails, and a rule with ``toFQDNs`` allows the
    addresses that its names had in the answers.
    """
    there = ip_address(address)

    def has(rule: Mapping[str, Any]) -> bool:
        return {"port": str(port), "protocol": "TCP"} in rule["toPorts"][0]["ports"]

    def contains(block: Mapping[str, Any]) -> bool:
        inside = [ip_network(each) for each in block.get("except", ())]
        return there in ip_network(block["cidr"]) and not any(there in each for each in inside)

    denied = any(has(r) and any(map(contains, r["toCIDRSet"])) for r in spec["egressDeny"])
    named = any({"matchName": host} in r.get("toFQDNs", ()) and has(r) for r in spec["egress"])
    return named and not denied


@pytest.mark.parametrize(
    ("host", "port", "allowed"),
    [
        ("api.weather.gov", 443, True),
        ("maps.example.com", 8443, True),
        ("tiles.example.com", 8443, True),
        ("api.weather.gov", 8443, False),
        ("maps.example.com", 443, False),
        ("other.example.com", 443, False),
    ],
)
def test_each_host_is_reached_at_its_own_ports(host: str, port: int, *, allowed: bool) -> None:
    for address in ("151.101.1.1", "2606:4700::1111"):
        assert reaches(host_policy("weather", HOSTS, dns=Dns()), host, port, address) is allowed


@pytest.mark.parametrize("address", NOT_PUBLIC)
def test_a_host_whose_address_is_not_public_is_refused(address: str) -> None:
    spec = host_policy("weather", HOSTS, dns=Dns())
    assert not reaches(spec, "api.weather.gov", 443, address)
    assert not reaches(spec, "maps.example.com", 8443, address)


def test_the_api_server_is_closed_at_a_public_address() -> None:
    spec = host_policy("weather", HOSTS, dns=Dns(), api_server=["34.120.0.7/32"])
    assert not reaches(spec, "api.weather.gov", 443, "34.120.0.7")
    assert reaches(spec, "api.weather.gov", 443, "34.120.0.8")


def test_networks_that_a_flow_opens_stay_open_at_their_port_alone() -> None:
    """A deny rule takes precedence over the NetworkPolicy of the flow."""
    opened = {443: ["10.1.2.0/24", "192.168.0.0/15"]}
    spec = host_policy("weather", HOSTS, dns=Dns(), networks=opened)
    denied = {
        (rule["toPorts"][0]["ports"][0]["port"], block["cidr"]): block.get("except", [])
        for rule in spec["egressDeny"]
        for block in rule["toCIDRSet"]
    }
    assert denied["443", "10.0.0.0/8"] == ["10.1.2.0/24"]
    assert ("443", "192.168.0.0/16") not in denied
    assert denied["8443", "10.0.0.0/8"] == denied["8443", "192.168.0.0/16"] == []


def test_queries_go_to_the_dns_servers_and_cilium_sees_them() -> None:
    """Without ``rules.dns`` Cilium would know no address of a host, and drop every connection."""
    pods = [
        DnsPods(namespace="kube-system", labels={"k8s-app": "kube-dns"}),
        DnsPods(namespace="openshift-dns", labels={"dns": "default"}, port=5353),
    ]
    dns = Dns(pods=pods, addresses=["169.254.20.10", "fd00::a"])
    rules = host_policy("weather", HOSTS, dns=dns)["egress"][:3]
    assert all(r["toPorts"][0]["rules"] == {"dns": [{"matchPattern": "*"}]} for r in rules)
    by_port = {rule["toPorts"][0]["ports"][0]["port"]: rule["toEndpoints"] for rule in rules[:2]}
    assert by_port == {
        "53": [
            {
                "matchLabels": {
                    "k8s:io.kubernetes.pod.namespace": "kube-system",
                    "k8s:k8s-app": "kube-dns",
                }
            }
        ],
        "5353": [
            {
                "matchLabels": {
                    "k8s:io.kubernetes.pod.namespace": "openshift-dns",
                    "k8s:dns": "default",
                }
            }
        ],
    }
    assert rules[2]["toCIDR"] == ["169.254.20.10/32", "fd00::a/128"]


# ---- beside the NetworkPolicies ----------------------------------------------------------------


def flow_policies(hosts: Mapping[str, Sequence[str]]) -> Any:
    return record(
        lambda: FlowPolicies(
            "flows",
            FlowPoliciesArgs(
                namespace="mcp",
                workloads=["weather", "notes"],
                flows=[
                    Flow(source="weather", target="notes", port=8443, why="calls"),
                    Flow(source="notes", target="weather", port=8443, why="calls"),
                    Flow(source="weather", target="archive", port=443, why="files"),
                ],
                outsides=[Outside(name="archive", cidrs=["10.1.2.0/24"])],
                api_server=["10.96.0.1/32"],
                hosts=hosts,
            ),
        )
    )


def test_a_workload_with_hosts_queries_dns_by_the_policy_of_cilium_alone() -> None:
    """With a rule for the same port without ``rules.dns`` Cilium would not see the queries."""
    graph = flow_policies({"weather": HOSTS})
    (policy,) = objects(graph, "CiliumNetworkPolicy")
    assert policy["metadata"]["name"] == "weather-hosts"
    assert policy["spec"]["endpointSelector"] == {"matchLabels": {"app": "weather"}}
    ports = {
        each["metadata"]["name"]: {
            port["port"] for rule in each["spec"]["egress"] for port in rule["ports"]
        }
        for each in objects(graph, "NetworkPolicy")
    }
    assert ports["weather-flows"] == {443, 8443}
    assert ports["notes-flows"] >= {53, 8443}


def test_the_networks_of_flows_stay_open_in_the_policy_of_cilium() -> None:
    (policy,) = objects(flow_policies({"weather": HOSTS}), "CiliumNetworkPolicy")
    blocks = [block for rule in policy["spec"]["egressDeny"] for block in rule["toCIDRSet"]]
    (opened,) = [block for block in blocks if "except" in block]
    assert opened == {"cidr": "10.0.0.0/8", "except": ["10.1.2.0/24"]}
    assert {"cidr": "10.96.0.1/32"} in blocks


def test_without_hosts_there_is_no_policy_of_cilium() -> None:
    assert objects(flow_policies({}), "CiliumNetworkPolicy") == []
