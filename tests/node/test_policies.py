"""The local node's network policy enforcer allows what the policies allow."""

from __future__ import annotations

from tests.harness.policy_tables import Manifest, policy_table

GATEWAY: Manifest = {
    "namespace": "mcp",
    "labels": {"app": "gateway"},
    "ip": "10.244.0.1",
    "ports": {},
}
CORE: Manifest = {
    "namespace": "mcp",
    "labels": {"app": "core"},
    "ip": "10.244.0.2",
    "ports": {("tls", "TCP"): 8443},
}
EVERY_POD: Manifest = {"podSelector": {}}
STRANGER: Manifest = {"namespace": "other", "labels": {}, "ip": "10.244.0.3", "ports": {}}
NAMESPACES: Manifest = {"mcp": {"team": "platform"}, "other": {}}


def chain(name: str, *specs: Manifest) -> list[str] | None:
    """Lines of one chain under policies of the namespace mcp; None where nothing isolates."""
    policies = [{"metadata": {"namespace": "mcp"}, "spec": spec} for spec in specs]
    table = policy_table([GATEWAY, CORE, STRANGER], NAMESPACES, policies, {})
    found = table.partition(f"  chain {name} {{\n")[2].partition("  }\n")[0]
    return [line.strip() for line in found.splitlines()] or None


def core_ingress(rule: Manifest) -> list[str]:
    """What a policy on core with this one rule lets in, beyond core itself."""
    spec = {"podSelector": {"matchLabels": {"app": "core"}}, "ingress": [rule]}
    lines = chain("ingress_10_244_0_2", spec)
    assert lines is not None
    assert lines[-1] == "counter drop"
    return lines[1:-1]


def test_a_pod_that_no_policy_selects_is_open() -> None:
    assert chain("ingress_10_244_0_3", EVERY_POD) is None


def test_default_deny_leaves_a_pod_only_itself() -> None:
    deny: Manifest = {"podSelector": {}, "policyTypes": ["Ingress", "Egress"]}
    itself = ["ip saddr 10.244.0.2 ip daddr 10.244.0.2 return", "counter drop"]
    assert chain("ingress_10_244_0_2", deny) == itself
    assert chain("egress_10_244_0_2", deny) == itself


def test_a_peer_is_looked_for_in_the_policys_own_namespace() -> None:
    anyone: Manifest = {"podSelector": {}}
    assert core_ingress({"from": [anyone]}) == [
        "ip saddr 10.244.0.1 return",
        "ip saddr 10.244.0.2 return",
    ]


def test_a_namespace_selector_reaches_only_namespaces_with_its_labels() -> None:
    selector = {"matchExpressions": [{"key": "team", "operator": "DoesNotExist"}]}
    assert core_ingress({"from": [{"namespaceSelector": selector}]}) == [
        "ip saddr 10.244.0.3 return"
    ]


def test_a_named_port_is_the_receiving_pods() -> None:
    peer = {"podSelector": {"matchLabels": {"app": "gateway"}}}
    assert core_ingress({"from": [peer], "ports": [{"port": "tls"}, {"port": "unknown"}]}) == [
        "ip saddr 10.244.0.1 tcp dport 8443 return"
    ]


def test_exceptions_of_an_ip_block_are_not_allowed() -> None:
    block = {"cidr": "10.0.0.0/8", "except": ["10.96.0.0/16"]}
    ports = [{"port": 30000, "endPort": 30100, "protocol": "UDP"}]
    assert core_ingress({"from": [{"ipBlock": block}], "ports": ports}) == [
        "ip saddr 10.0.0.0/8 ip saddr != { 10.96.0.0/16 } udp dport 30000-30100 return"
    ]


def test_a_pod_that_may_not_leave_does_not_reach_the_node_either() -> None:
    table = chain("input", {**EVERY_POD, "policyTypes": ["Egress"]})
    assert table is not None
    assert "10.244.0.2 : jump egress_10_244_0_2" in table[-1]


def test_replies_to_the_nodes_own_connections_are_allowed() -> None:
    table = chain("input", {**EVERY_POD, "policyTypes": ["Ingress"]})
    assert table is not None
    assert "ct state established,related accept" in table
