"""Risk: CiliumNetworkPolicies that open hosts outside, or private addresses behind their names."""

from __future__ import annotations

from typing import Any

from components.kubernetes.cilium_policy import host_policy
from components.kubernetes.dns import Dns
from graph.resource_graph import Resource
from review.report.summaries import fact
from review.risks.classes import RiskClass
from tests.harness.graphs import findings, kube

DENY = kube(
    "networking/v1:NetworkPolicy",
    "default-deny",
    spec={"podSelector": {}, "policyTypes": ["Ingress", "Egress"]},
)


def policy(*hosts: str, **settings: Any) -> Resource:
    spec = host_policy("weather", hosts, dns=Dns(), **settings)
    return kube("cilium.io/v2:CiliumNetworkPolicy", "weather-hosts", spec=spec)


def loosened(before: Resource | None, after: Resource | None, *others: Resource) -> list[str]:
    return findings(RiskClass.LOOSENS, before, after, *others)


ONE = policy("api.weather.gov:443")


def test_a_new_host_and_a_new_port_are_named() -> None:
    after = policy("api.weather.gov:443", "api.weather.gov:8443", "maps.example.com:443")
    assert loosened(ONE, after, DENY) == [
        "allows traffic to api.weather.gov:8443 from pods app=weather of core",
        "allows traffic to maps.example.com:443 from pods app=weather of core",
    ]


def test_a_first_policy_opens_hosts_to_pods_that_were_closed() -> None:
    opened = ["allows traffic to api.weather.gov:443 from pods app=weather of core"]
    assert loosened(None, ONE, DENY) == opened
    assert loosened(None, ONE) == []


def test_fewer_hosts_and_no_policy_are_no_risk() -> None:
    more = policy("api.weather.gov:443", "maps.example.com:443")
    assert loosened(more, ONE, DENY) == []
    assert loosened(ONE, None, DENY) == []
    assert loosened(ONE, policy("api.weather.gov:443", api_server=["34.120.0.7/32"])) == []


def test_an_address_that_is_not_closed_any_more_is_named() -> None:
    after = policy("api.weather.gov:443", networks={443: ["192.168.0.0/16"]})
    assert loosened(ONE, after, DENY) == [
        "no longer closes 192.168.0.0/16, TCP 443, to pods app=weather of core"
    ]
    after = policy("api.weather.gov:443", networks={443: ["10.1.2.0/24"]})
    assert loosened(ONE, after, DENY) == [
        "no longer closes 10.0.0.0/8, TCP 443, to pods app=weather of core"
    ]


def test_a_report_lists_the_hosts() -> None:
    after = policy("maps.example.com:8443", "api.weather.gov:443")
    assert fact(after) == "allows api.weather.gov:443, maps.example.com:8443"


def test_a_first_policy_names_what_the_cluster_must_run() -> None:
    (found,) = findings(RiskClass.CONTROLLER, None, ONE)
    assert "the cluster must run Cilium" in found
