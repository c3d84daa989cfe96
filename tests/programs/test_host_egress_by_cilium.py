"""`network.hostEgress: cilium`: policies of Cilium open the hosts, and no proxy runs."""

from __future__ import annotations

from typing import Any, Final

from tests.harness.graph_queries import objects, pods
from tests.harness.network_policy_model import Endpoint, Enforcement
from tests.harness.user_servers import recorded

NAMESPACE: Final = "qudag-mcp-dev"
SERVERS: Final[dict[str, Any]] = {
    "weather": {
        "image": "ghcr.io/acme/weather:1",
        "egress": {"hosts": ["api.weather.gov:443", "maps.example.com:8443"]},
    },
    "notes": {
        "image": "ghcr.io/acme/notes:1",
        "egress": {"hosts": ["api.example.com:443"], "networks": ["203.0.113.0/24:5432"]},
        "env": {"HTTPS_PROXY": "http://proxy.example.com:3128"},
    },
    "closed": {"image": "ghcr.io/acme/closed:1"},
}
STACK: Final[dict[str, Any]] = {
    "topology": "none",
    "network": {
        "clients": ["198.51.100.0/24"],
        "issuer": ["192.0.2.0/24"],
        "hostEgress": "cilium",
        "dns": {"pods": [{"labels": {"app": "knot"}, "port": 1053}], "addresses": []},
    },
    "kubernetes": {"apiServer": ["34.120.0.7/32"]},
    "servers": SERVERS,
}
GRAPH: Final = recorded(STACK)
HOST_POLICIES: Final = {
    each["metadata"]["name"]: each for each in objects(GRAPH, "CiliumNetworkPolicy")
}
ENFORCED: Final = Enforcement(objects(GRAPH, "NetworkPolicy"))


def test_each_server_with_hosts_has_a_policy_with_these_alone() -> None:
    assert set(HOST_POLICIES) == {"weather-hosts", "notes-hosts"}
    for name in ("weather", "notes"):
        policy = HOST_POLICIES[f"{name}-hosts"]
        assert policy["metadata"]["namespace"] == NAMESPACE
        assert policy["spec"]["endpointSelector"] == {"matchLabels": {"app": name}}
        opened = {
            f"{target['matchName']}:{rule['toPorts'][0]['ports'][0]['port']}"
            for rule in policy["spec"]["egress"]
            for target in rule.get("toFQDNs", ())
        }
        assert opened == set(SERVERS[name]["egress"]["hosts"])


def test_there_is_no_proxy_and_no_variable_that_names_one() -> None:
    assert "egress-proxy" not in {each.name for each in pods(GRAPH)}
    assert not [each for each in objects(GRAPH, "Service") if "egress" in each["metadata"]["name"]]
    env = {
        each.name: {one["name"]: one.get("value") for one in each.container("server")["env"]}
        for each in pods(GRAPH)
        if each.name in SERVERS
    }
    assert "HTTPS_PROXY" not in env["weather"]
    assert env["notes"]["HTTPS_PROXY"] == "http://proxy.example.com:3128"


def test_network_policies_open_no_address_for_the_hosts() -> None:
    for name in (*SERVERS, "mcp-gateway", "mcp-core"):
        for address in ("151.101.1.1", "2606:4700::1111", "10.0.0.1", "169.254.169.254"):
            there = Endpoint.address(address)
            for port in (443, 8443):
                source = Endpoint.pod(NAMESPACE, app=name)
                assert not ENFORCED.leaves(source, there, "TCP", port), name
    notes = Endpoint.pod(NAMESPACE, app="notes")
    assert ENFORCED.leaves(notes, Endpoint.address("203.0.113.5"), "TCP", 5432)


def test_the_dns_servers_and_the_api_server_are_those_of_the_stack() -> None:
    spec = HOST_POLICIES["weather-hosts"]["spec"]
    (queries, *_) = spec["egress"]
    assert queries["toEndpoints"] == [
        {"matchLabels": {"k8s:io.kubernetes.pod.namespace": "kube-system", "k8s:app": "knot"}}
    ]
    assert queries["toPorts"][0]["ports"] == [{"port": "1053", "protocol": "ANY"}]
    for rule in spec["egressDeny"]:
        assert {"cidr": "34.120.0.7/32"} in rule["toCIDRSet"]


def test_the_policy_of_a_server_is_in_the_namespace_of_the_server() -> None:
    placed = {**SERVERS, "weather": {**SERVERS["weather"], "namespace": "tools"}}
    space = {"namespaces": {"tools": "mcp-tools"}}
    graph = recorded({**STACK, "servers": placed, "kubernetes": STACK["kubernetes"] | space})
    policies = objects(graph, "CiliumNetworkPolicy")
    assert {each["metadata"]["name"]: each["metadata"]["namespace"] for each in policies} == {
        "weather-hosts": "mcp-tools",
        "notes-hosts": NAMESPACE,
    }
    assert len(policies) == 2
