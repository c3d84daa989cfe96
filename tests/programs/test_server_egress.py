"""Servers reach outside what their `egress` lists: by name through the proxy, else by network."""

from __future__ import annotations

import json
from typing import Any, Final

import pytest

from tests.harness.graph_queries import Pods, objects, pods
from tests.harness.network_policy_model import Endpoint, Enforcement
from tests.harness.user_servers import recorded

NAMESPACE: Final = "qudag-mcp-dev"
SERVERS: Final[dict[str, Any]] = {
    "weather": {
        "image": "ghcr.io/acme/weather:1",
        "longestToolSeconds": 120,
        "egress": {"hosts": ["api.weather.gov:443", "maps.example.com:8443"]},
    },
    "notes": {
        "image": "ghcr.io/acme/notes:1",
        "egress": {
            "hosts": ["api.notes.example.com:443"],
            "networks": ["203.0.113.0/24:5432", "2001:db8::/32:5432"],
        },
    },
    "closed": {"image": "ghcr.io/acme/closed:1"},
}
PUBLIC: Final = Endpoint.address("151.101.1.1")
GRAPH: Final = recorded(
    {
        "topology": "none",
        "network": {"clients": ["198.51.100.0/24"], "issuer": ["192.0.2.0/24"]},
        "servers": SERVERS,
    }
)
POLICIES: Final = Enforcement(objects(GRAPH, "NetworkPolicy"))


def pod(name: str) -> Endpoint:
    return Endpoint.pod(NAMESPACE, app=name)


def named(name: str) -> Pods:
    (found,) = [each for each in pods(GRAPH) if each.name == name]
    return found


def variables(name: str) -> dict[str, str]:
    """Of the container with the user's image."""
    env = named(name).container("server")["env"]
    return {each["name"]: each.get("value", "") for each in env}


def proxy_port(name: str) -> int:
    return int(variables(name)["HTTPS_PROXY"].rpartition(":")[2])


def test_each_server_has_the_hosts_that_it_lists_at_its_own_port() -> None:
    (files,) = [
        each["data"]["envoy.json"]
        for each in objects(GRAPH, "ConfigMap")
        if "envoy.json" in each["data"]
    ]
    allowed: dict[int, set[str]] = {}
    for listener in json.loads(files)["static_resources"]["listeners"]:
        if listener["name"] in SERVERS:
            port = listener["address"]["socket_address"]["port_value"]
            text = json.dumps(listener)
            allowed[port] = {
                host
                for server in SERVERS.values()
                for host in server.get("egress", {}).get("hosts", [])
                if f'"exact": "{host}"' in text
            }
    assert allowed == {
        proxy_port(name): set(SERVERS[name]["egress"]["hosts"]) for name in ("weather", "notes")
    }


def test_only_the_server_itself_connects_to_its_port() -> None:
    for name in ("weather", "notes"):
        port = proxy_port(name)
        may = {
            other
            for other in (*SERVERS, "mcp-gateway", "mcp-core", "egress-proxy")
            if POLICIES.allows(pod(other), pod("egress-proxy"), "TCP", port)
        }
        assert may == {name}


def test_a_server_without_the_proxy_reaches_nothing_outside() -> None:
    for name in SERVERS:
        for port in (80, 443, 8443):
            assert not POLICIES.leaves(pod(name), PUBLIC, "TCP", port)
    assert "HTTPS_PROXY" not in variables("closed")


def test_the_proxy_reaches_public_addresses_at_the_listed_ports_alone() -> None:
    proxy = pod("egress-proxy")
    assert {p for p in (80, 443, 5432, 8443) if POLICIES.leaves(proxy, PUBLIC, "TCP", p)} == {
        443,
        8443,
    }
    for address in ("10.0.0.1", "169.254.169.254", "192.168.0.1", "fd00::1", "::ffff:10.0.0.1"):
        assert not POLICIES.leaves(proxy, Endpoint.address(address), "TCP", 443)
    assert not POLICIES.leaves(proxy, pod("mcp-core"), "TCP", 8443)


@pytest.mark.parametrize("address", ["203.0.113.5", "2001:db8::5"])
def test_a_network_is_reached_directly_at_its_port(address: str) -> None:
    there = Endpoint.address(address)
    assert POLICIES.leaves(pod("notes"), there, "TCP", 5432)
    assert not POLICIES.leaves(pod("notes"), there, "TCP", 443)
    assert not POLICIES.leaves(pod("weather"), there, "TCP", 5432)


def test_tunnels_of_a_stopping_proxy_last_as_long_as_the_longest_call() -> None:
    stop = named("egress-proxy").container("egress-proxy")["lifecycle"]["preStop"]["sleep"]
    assert stop["seconds"] > SERVERS["weather"]["longestToolSeconds"]


def test_without_listed_hosts_there_is_no_proxy() -> None:
    servers = {"closed": SERVERS["closed"]}
    graph = recorded({"topology": "none", "servers": servers})
    assert "egress-proxy" not in {each.name for each in pods(graph)}
