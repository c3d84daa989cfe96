"""Decides which connections NetworkPolicy objects allow, by Kubernetes' own definition.

Written from the API reference of networking.k8s.io/v1, independently of the code that renders the
policies.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, cast

NAMESPACE_NAME = "kubernetes.io/metadata.name"
"""Label that the API server sets on every namespace."""


@dataclass(frozen=True, eq=False)
class Endpoint:
    """A pod by namespace and labels, or an address outside the cluster."""

    namespace: str | None = None
    labels: Mapping[str, str] = field(default_factory=dict[str, str])
    ip: str | None = None

    @classmethod
    def pod(cls, namespace: str, /, **labels: str) -> Endpoint:
        return cls(namespace=namespace, labels=labels)

    @classmethod
    def address(cls, ip: str) -> Endpoint:
        return cls(ip=ip)


@dataclass(frozen=True)
class Enforcement:
    """A cluster that enforces exactly these policies."""

    policies: Sequence[Mapping[str, Any]]

    def allows(self, source: Endpoint, target: Endpoint, protocol: str, port: int) -> bool:
        """Whether the source's egress and the target's ingress both allow the connection."""
        ends = (source, target, protocol, port)
        return self.leaves(*ends) and self.arrives(*ends)

    def leaves(self, source: Endpoint, target: Endpoint, protocol: str, port: int) -> bool:
        """Whether the source's egress policies allow the connection."""
        return self._passes("Egress", source, target, protocol, port)

    def arrives(self, source: Endpoint, target: Endpoint, protocol: str, port: int) -> bool:
        """Whether the target's ingress policies allow the connection."""
        return self._passes("Ingress", target, source, protocol, port)

    def _passes(
        self, direction: str, pod: Endpoint, peer: Endpoint, protocol: str, port: int
    ) -> bool:
        binding = [p for p in self.policies if _selects(p, pod) and direction in _types(p)]
        if not binding:
            return True
        rules, peers = ("egress", "to") if direction == "Egress" else ("ingress", "from")
        return any(
            _reaches(rule.get(peers), policy["metadata"]["namespace"], peer)
            and _offers(rule.get("ports"), protocol, port)
            for policy in binding
            for rule in cast("list[dict[str, Any]]", policy["spec"].get(rules) or [])
        )


def matches(selector: Mapping[str, Any], labels: Mapping[str, str]) -> bool:
    """Whether the label selector matches; an empty one matches everything."""
    return selector.get("matchLabels", {}).items() <= labels.items() and all(
        _holds(expression, labels) for expression in selector.get("matchExpressions", [])
    )


def _holds(expression: Mapping[str, Any], labels: Mapping[str, str]) -> bool:
    key, values = expression["key"], expression.get("values", [])
    match expression["operator"]:
        case "In":
            return labels.get(key) in values
        case "NotIn":
            return labels.get(key) not in values
        case "Exists":
            return key in labels
        case "DoesNotExist":
            return key not in labels
        case unknown:
            raise ValueError(unknown)


def _types(policy: Mapping[str, Any]) -> Sequence[str]:
    spec = policy["spec"]
    return spec.get("policyTypes") or ["Ingress", *(["Egress"] if spec.get("egress") else [])]


def _selects(policy: Mapping[str, Any], pod: Endpoint) -> bool:
    inside = pod.namespace == policy["metadata"]["namespace"]
    return inside and matches(policy["spec"].get("podSelector", {}), pod.labels)


def _reaches(peers: Sequence[Mapping[str, Any]] | None, own: str, party: Endpoint) -> bool:
    return not peers or any(_is_peer(peer, own, party) for peer in peers)


def _is_peer(peer: Mapping[str, Any], own: str, party: Endpoint) -> bool:
    if block := peer.get("ipBlock"):
        return party.ip is not None and _in_block(block, party.ip)
    if party.namespace is None:
        return False
    if (namespaces := peer.get("namespaceSelector")) is not None:
        inside = matches(namespaces, {NAMESPACE_NAME: party.namespace})
    else:
        inside = party.namespace == own
    return inside and matches(peer.get("podSelector", {}), party.labels)


def _in_block(block: Mapping[str, Any], ip: str) -> bool:
    address = ipaddress.ip_address(ip)
    cut = any(address in ipaddress.ip_network(network) for network in block.get("except", []))
    return address in ipaddress.ip_network(block["cidr"]) and not cut


def _offers(ports: Sequence[Mapping[str, Any]] | None, protocol: str, port: int) -> bool:
    return not ports or any(
        offered.get("protocol", "TCP") == protocol and _within(offered, port) for offered in ports
    )


def _within(offered: Mapping[str, Any], port: int) -> bool:
    first = offered.get("port")
    return first is None or first <= port <= offered.get("endPort", first)
