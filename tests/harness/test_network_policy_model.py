"""The model of NetworkPolicy agrees with the examples in its API reference."""

from __future__ import annotations

from typing import Any

import pytest

from tests.harness.network_policy_model import Endpoint, Enforcement

A, B = Endpoint.pod("ns", app="a"), Endpoint.pod("ns", app="b")
FAR = Endpoint.pod("far", app="b")
OUTSIDE = Endpoint.address("192.0.2.5")


def policy(**spec: Any) -> dict[str, Any]:
    return {
        "metadata": {"namespace": "ns"},
        "spec": {"podSelector": {"matchLabels": {"app": "a"}}, **spec},
    }


def passes(source: Endpoint, target: Endpoint, *policies: dict[str, Any], port: int = 80) -> bool:
    return Enforcement(policies).allows(source, target, "TCP", port)


def test_without_a_policy_everything_passes():
    assert passes(A, B)
    assert passes(OUTSIDE, A)


def test_a_policy_without_rules_isolates_the_pods_it_selects_in_its_direction():
    assert not passes(B, A, policy())
    assert passes(A, B, policy())
    assert not passes(A, B, policy(policyTypes=["Egress"]))
    assert passes(B, A, policy(policyTypes=["Egress"]))


def test_a_connection_needs_egress_and_ingress_rules():
    opens = policy(policyTypes=["Egress"], egress=[{}])
    closed: dict[str, Any] = {"metadata": {"namespace": "ns"}, "spec": {"podSelector": {}}}
    assert not passes(A, B, opens, closed)


def test_policies_add_up():
    assert passes(B, A, policy(), policy(ingress=[{}]))


@pytest.mark.parametrize(
    ("peer", "who"),
    [
        ({"podSelector": {}}, {B}),
        ({"namespaceSelector": {}}, {B, FAR}),
        ({"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "far"}}}, {FAR}),
        ({"ipBlock": {"cidr": "192.0.2.0/24"}}, {OUTSIDE}),
        ({"ipBlock": {"cidr": "192.0.2.0/24", "except": ["192.0.2.5/32"]}}, set[Endpoint]()),
        (
            {
                "podSelector": {
                    "matchExpressions": [{"key": "app", "operator": "NotIn", "values": ["b"]}]
                }
            },
            set[Endpoint](),
        ),
    ],
)
def test_a_peer_is_who_its_selectors_say(peer: dict[str, Any], who: set[Endpoint]):
    ingress = policy(ingress=[{"from": [peer]}])
    assert {source for source in (B, FAR, OUTSIDE) if passes(source, A, ingress)} == who


@pytest.mark.parametrize(
    ("ports", "open_ports"),
    [
        ([{"port": 80}], {80}),
        ([{"port": 80, "endPort": 82}], {80, 81, 82}),
        ([{"protocol": "UDP", "port": 80}], set[int]()),
        ([{"protocol": "TCP"}], {79, 80, 81, 82}),
        ([], {79, 80, 81, 82}),
    ],
)
def test_a_port_is_one_that_its_rule_names(ports: list[dict[str, Any]], open_ports: set[int]):
    ingress = policy(ingress=[{"ports": ports}])
    assert {p for p in (79, 80, 81, 82) if passes(B, A, ingress, port=p)} == open_ports
