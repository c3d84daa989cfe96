"""EgressProxy: a port and a list of hosts for each server, and no way to private addresses."""

from __future__ import annotations

import json
from typing import Any

import pytest

from components.base.problems import ProblemReport
from components.base.refusal import Refused
from components.kubernetes.egress_hosts import outside_ports
from components.kubernetes.egress_proxy import (
    EgressProxy,
    EgressProxyArgs,
    proxy_ports,
    proxy_variables,
)
from components.kubernetes.flow import FlowPolicies, FlowPoliciesArgs, policies
from components.kubernetes.party import Flow, Internet
from tests.harness import record
from tests.harness.graph_queries import objects, pods
from tests.harness.network_policy_model import Endpoint, Enforcement

ALLOWED = {"weather": ["api.weather.gov:443"], "files": ["a.example.com:443", "a.example.com:8443"]}


def args(**changes: Any) -> EgressProxyArgs:
    given: dict[str, Any] = {"namespace": "mcp", "image": "example.com/envoy:1", "allowed": ALLOWED}
    return EgressProxyArgs(**given | changes)


def refused(**changes: Any) -> str:
    with pytest.raises(Refused) as report:
        record(lambda: EgressProxy("egress-proxy", args(**changes)))
    return str(report.value)


def test_each_server_has_a_port_of_the_service_and_of_the_configuration() -> None:
    graph = record(lambda: EgressProxy("egress-proxy", args()))
    (service,) = objects(graph, "Service")
    (files,) = objects(graph, "ConfigMap")
    listeners = json.loads(files["data"]["envoy.json"])["static_resources"]["listeners"]
    listening = {
        one["name"]: one["address"]["socket_address"]["port_value"]
        for one in listeners
        if "address" in one
    }
    assert {listening["weather"], listening["files"]} == {
        port["port"] for port in service["spec"]["ports"]
    }
    assert {name: listening[name] for name in ALLOWED} == proxy_ports(ALLOWED)


@pytest.mark.parametrize("name", ["probes", "ready", "weather"])
def test_listeners_differ_in_their_names_whatever_a_server_is_called(name: str) -> None:
    graph = record(lambda: EgressProxy("egress-proxy", args(allowed={name: ["a.example.com:443"]})))
    (files,) = objects(graph, "ConfigMap")
    listeners = json.loads(files["data"]["envoy.json"])["static_resources"]["listeners"]
    names = [one["name"] for one in listeners]
    assert len(set(names)) == len(names)


def test_the_port_of_a_server_stays_when_others_come_and_go() -> None:
    alone = proxy_ports(["weather"])
    many = proxy_ports(["weather", *(f"server-{number}" for number in range(200))])
    assert many["weather"] == alone["weather"]
    assert len(set(many.values())) == 201
    assert all(1023 < port < 32_000 for port in many.values())  # below those that kernels choose


def test_programs_find_the_proxy_by_their_environment() -> None:
    found = proxy_variables("egress-proxy-service", 12345)
    assert found["HTTPS_PROXY"] == found["https_proxy"] == "http://egress-proxy-service:12345"
    assert ".svc" in found["NO_PROXY"].split(",")


def test_a_stopping_pod_keeps_its_tunnels_as_long_as_a_call() -> None:
    (found,) = pods(record(lambda: EgressProxy("egress-proxy", args())))
    waits = found.container("egress-proxy")["lifecycle"]["preStop"]["sleep"]["seconds"]
    longest = args().budget.longest_tool
    assert longest < waits < found.spec["terminationGracePeriodSeconds"]


@pytest.mark.parametrize(
    ("host", "said"),
    [
        ("*.example.com:443", "without \\*"),
        ("https://api.example.com", "without"),
        ("api.example.com", "a colon and a port"),
        ("api.example.com:0", "a colon and a port"),
        ("api.example.com:70000", "ports end at 65535"),
        ("API.example.com:443", "lower case"),
        ("10.0.0.1:443", "full name"),
        ("[::1]:443", "full name"),
        ("postgres:5432", "full name"),
        ("metadata.google.internal:80", "inside a cluster or a cloud"),
        ("kubernetes.default.svc:443", "inside a cluster or a cloud"),
        ("db.cluster.local:5432", "inside a cluster or a cloud"),
    ],
)
def test_hosts_that_are_no_public_names_are_refused(host: str, said: str) -> None:
    with pytest.raises(Refused, match=said):
        record(lambda: EgressProxy("egress-proxy", args(allowed={"weather": [host]})))


def test_empty_and_repeated_lists_are_refused_together() -> None:
    text = refused(allowed={"weather": [], "files": ["a.example.com:443"] * 2})
    assert "allowed.weather" in text
    assert "lists a.example.com:443 twice" in text
    assert "refuse every connection" in refused(allowed={})


def test_ports_outside_are_those_of_the_lists() -> None:
    assert outside_ports(ALLOWED) == [443, 8443]


# ---- the policy around it ----------------------------------------------------------------------

PROXY = Endpoint.pod("mcp", app="egress-proxy")


def around(**settings: Any) -> Enforcement:
    flow = Flow(source="egress-proxy", target="internet", port=443, why="listed hosts")
    specs = policies(["egress-proxy"], [flow], [Internet(name="internet")], **settings)
    return Enforcement(
        [{"metadata": {"namespace": "mcp"}, "spec": spec} for spec in specs.values()]
    )


@pytest.mark.parametrize("address", ["8.8.8.8", "151.101.1.1", "2606:4700::1111"])
def test_public_addresses_are_reached(address: str) -> None:
    assert around().leaves(PROXY, Endpoint.address(address), "TCP", 443)
    assert not around().leaves(PROXY, Endpoint.address(address), "TCP", 80)


@pytest.mark.parametrize(
    "address",
    [
        *("10.0.0.1", "172.16.9.9", "172.31.255.1", "192.168.1.1", "100.64.0.1", "127.0.0.1"),
        *("169.254.169.254", "169.254.170.2", "168.63.129.16", "100.100.100.200", "0.0.0.1"),
        *("192.0.2.1", "198.18.0.1", "224.0.0.1", "255.255.255.255"),
        *("::1", "fe80::1", "fc00::1", "fd00:ec2::254", "fd20:ce::254", "ff02::1"),
        *("64:ff9b::a00:1", "2002:a00:1::1", "2001::1", "::ffff:a00:1"),
    ],
)
def test_addresses_that_are_not_public_are_not_reached(address: str) -> None:
    assert not around().leaves(PROXY, Endpoint.address(address), "TCP", 443)


def test_the_api_server_is_not_reached_at_a_public_address() -> None:
    found = around(api_server=["34.120.0.7/32"])
    assert not found.leaves(PROXY, Endpoint.address("34.120.0.7"), "TCP", 443)
    assert found.leaves(PROXY, Endpoint.address("34.120.0.8"), "TCP", 443)


def test_flows_from_the_internet_are_refused() -> None:
    flow = Flow(source="internet", target="egress-proxy", port=443, why="calls")
    given = FlowPoliciesArgs(
        namespace="mcp",
        workloads=["egress-proxy"],
        flows=[flow],
        internet=[Internet(name="internet")],
    )
    with pytest.raises(ProblemReport, match="anybody could connect"):
        record(lambda: FlowPolicies("flows", given))
