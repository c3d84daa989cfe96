"""Risk: network policies that let through what they stopped before."""

from dataclasses import replace
from typing import Any

import pytest

from graph.resource_graph import Resource
from review.diff import diff
from review.risk import risks
from review.risks.classes import RiskClass
from tests.harness.graphs import findings, graph, kube, workload

DENY = kube(
    "networking/v1:NetworkPolicy",
    "default-deny",
    spec={"podSelector": {}, "policyTypes": ["Ingress", "Egress"]},
)
GATEWAY = {"podSelector": {"matchLabels": {"app": "gateway"}}}
HTTPS = {"port": 8443, "protocol": "TCP"}


def policy(
    *rules: Any, direction: str = "Ingress", selects: Any = None, name: str = "core"
) -> Resource:
    spec = {
        "podSelector": {"matchLabels": {"app": "core"}} if selects is None else selects,
        "policyTypes": [direction],
        direction.lower(): list(rules),
    }
    return kube("networking/v1:NetworkPolicy", name, spec=spec)


def rule(*peers: Any, ports: Any = (HTTPS,), way: str = "from") -> dict[str, Any]:
    return ({way: list(peers)} if peers else {}) | ({"ports": list(ports)} if ports else {})


def loosened(before: Resource | None, after: Resource | None, *others: Resource) -> list[str]:
    return findings(RiskClass.LOOSENS, before, after, *others)


def block(cidr: str, *holes: str) -> dict[str, Any]:
    return {"ipBlock": {"cidr": cidr} | ({"except": list(holes)} if holes else {})}


NARROW = policy(rule(GATEWAY))
WIDER = {
    "another peer": rule({"podSelector": {"matchLabels": {"app": "tools"}}}),
    "every pod": rule({"podSelector": {}}),
    "anyone": rule(),
    "another namespace": rule(GATEWAY | {"namespaceSelector": {}}),
    "another port": rule(GATEWAY, ports=[{"port": 9090}]),
    "a range around the port": rule(GATEWAY, ports=[{"port": 8000, "endPort": 9000}]),
    "every port": rule(GATEWAY, ports=[]),
    "another protocol": rule(GATEWAY, ports=[{"port": 8443, "protocol": "UDP"}]),
    "the internet": rule(block("0.0.0.0/0")),
}


@pytest.mark.parametrize("added", WIDER.values(), ids=WIDER)
def test_a_newly_allowed_flow_is_named(added: Any):
    assert len(loosened(NARROW, policy(rule(GATEWAY), added), DENY)) == 1


def test_a_new_flow_is_reported_with_its_ends_and_port():
    added = rule({"podSelector": {"matchLabels": {"app": "tools"}}})
    assert loosened(NARROW, policy(rule(GATEWAY), added), DENY) == [
        "allows traffic from pods app=tools of namespace core to pods app=core of core, TCP 8443"
    ]


NOT_WIDER: dict[str, tuple[Any, list[Any]]] = {
    "said twice": (rule(GATEWAY), [rule(GATEWAY), rule(GATEWAY)]),
    "one peer of two": (
        rule(GATEWAY, {"podSelector": {"matchLabels": {"app": "tools"}}}),
        [rule(GATEWAY)],
    ),
    "more labels demanded": (
        rule(GATEWAY),
        [rule({"podSelector": {"matchLabels": {"app": "gateway", "tier": "edge"}}})],
    ),
    "one of the values": (
        rule({"podSelector": {"matchExpressions": [
            {"key": "app", "operator": "In", "values": ["gateway", "tools"]}]}}),
        [rule(GATEWAY)],
    ),
    "the own namespace by name": (
        rule(GATEWAY),
        [rule(GATEWAY | {"namespaceSelector": {
            "matchLabels": {"kubernetes.io/metadata.name": "core"}}})],
    ),
    "a port of the range": (
        rule(GATEWAY, ports=[{"port": 8000, "endPort": 9000}]),
        [rule(GATEWAY)],
    ),
    "a part of the block": (rule(block("10.0.0.0/8")), [rule(block("10.1.0.0/16"))]),
    "a hole in the block": (rule(block("10.0.0.0/8")), [rule(block("10.0.0.0/8", "10.1.0.0/16"))]),
    "nothing": (rule(GATEWAY), []),
}  # fmt: skip


@pytest.mark.parametrize(("old", "new"), NOT_WIDER.values(), ids=NOT_WIDER)
def test_a_narrower_or_equal_policy_is_no_risk(old: Any, new: Any):
    assert loosened(policy(old), policy(*new), DENY) == []


def test_filling_a_hole_in_a_block_is_named():
    (found,) = loosened(
        policy(rule(block("0.0.0.0/0", "169.254.169.254/32"))),
        policy(rule(block("0.0.0.0/0"))),
        DENY,
    )
    assert "addresses 0.0.0.0/0" in found


def test_an_ipv4_network_in_the_form_of_ipv6_is_the_same_network():
    plain, mapped = policy(rule(block("10.0.0.0/8"))), policy(rule(block("::ffff:10.0.0.0/104")))
    assert loosened(plain, mapped, DENY) == []
    (found,) = loosened(plain, policy(rule(block("::ffff:0.0.0.0/96"))), DENY)
    assert "addresses 0.0.0.0/0" in found


def test_egress_is_judged_like_ingress():
    wide = policy(rule(block("0.0.0.0/0"), way="to"), direction="Egress")
    (found,) = loosened(policy(direction="Egress"), wide, DENY)
    assert found == "allows traffic to addresses 0.0.0.0/0 from pods app=core of core, TCP 8443"


def test_a_flow_that_another_policy_already_allowed_is_no_risk():
    also = policy(rule(GATEWAY), selects={}, name="everything-from-gateway")
    assert loosened(None, policy(rule(GATEWAY)), DENY, also) == []


def test_a_first_policy_for_open_pods_is_no_risk():
    assert loosened(None, policy(rule(GATEWAY))) == []


def test_removing_what_isolates_pods_is_named_for_each_direction():
    assert loosened(DENY, None) == [
        "all pods of core are open to any egress again",
        "all pods of core are open to any ingress again",
    ]


def test_removing_an_allowance_while_the_denial_stays_is_no_risk():
    assert loosened(NARROW, None, DENY) == []


def test_removing_the_policy_with_its_namespace_is_no_risk():
    space = kube("core/v1:Namespace", "core", namespace=None)
    found = risks(diff(graph(space, DENY), graph()))
    assert [one for one in found if one.risk is RiskClass.LOOSENS] == []


def test_isolating_fewer_pods_is_named():
    fewer = policy(selects={"matchLabels": {"app": "core"}}, name="default-deny")
    every = policy(selects={}, name="default-deny")
    assert loosened(every, fewer) == ["all pods of core are open to any ingress again"]
    assert loosened(fewer, every) == []


def test_labels_that_take_pods_out_of_every_policy_are_named():
    old, new = (workload(labels={"app": name}) for name in ("core", "stray"))
    (found,) = loosened(old, new, NARROW)
    assert found == "Deployment core/core: its new labels take it out of every ingress policy"
    assert loosened(old, new, DENY) == []


def test_a_moved_policy_is_no_risk():
    moved = replace(DENY, urn=f"{DENY.urn}-2", aliases=(DENY.urn,))
    assert loosened(DENY, moved) == []


def test_mesh_policies_are_watched_too():
    def mesh(kind: str, spec: Any) -> Resource:
        return kube(f"security.istio.io/v1:{kind}", "mesh", spec=spec)

    strict, lax = (
        mesh("PeerAuthentication", {"mtls": {"mode": mode}}) for mode in ("STRICT", "PERMISSIVE")
    )
    assert len(loosened(strict, lax)) == 1
    assert loosened(lax, strict) == []
    one, two = (
        mesh("AuthorizationPolicy", {"rules": [{"to": n} for n in range(count)]})
        for count in (1, 2)
    )
    assert len(loosened(one, two)) == 1
    assert loosened(two, one) == []
    assert loosened(one, None) == ["deletes AuthorizationPolicy core/mesh"]
