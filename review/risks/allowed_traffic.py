"""What network policies allow, as values that can be compared: who, to whom, on which port."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from ipaddress import IPv4Network, IPv6Network, ip_network
from typing import Any

from components.base.platform_addresses import EVERYWHERE, contains, unmapped
from graph.kubernetes import group, kind, namespace
from graph.resource_graph import SECRET, UNKNOWN, Resource, ResourceGraph
from graph.tree import branch, dig, entries, mappings

_NAMESPACE_NAME = "kubernetes.io/metadata.name"
_HIDDEN = (SECRET, UNKNOWN)


@dataclass(frozen=True)
class Requirement:
    """One demand on an object's labels, in the terms of ``matchExpressions``."""

    key: str
    operator: str
    values: frozenset[str] = frozenset()

    def implies(self, other: Requirement) -> bool:  # noqa: PLR0911  (one a pair)
        """Whether whatever meets this one meets ``other`` too."""
        if self.key != other.key:
            return False
        match self.operator, other.operator:
            case "In", "In":
                return self.values <= other.values
            case "In", "NotIn":
                return not self.values & other.values
            case "In" | "Exists", "Exists":
                return True
            case "NotIn", "NotIn":
                return self.values >= other.values
            case "DoesNotExist", "DoesNotExist" | "NotIn":
                return True
            case _:
                return False

    def excludes(self, other: Requirement) -> bool:
        """Whether nothing can meet both."""
        if self.key != other.key:
            return False
        disjoint = self.operator == other.operator == "In" and not self.values & other.values
        return disjoint or {self.operator, other.operator} in (
            {"Exists", "DoesNotExist"},
            {"In", "DoesNotExist"},
        )

    def holds(self, labels: dict[str, Any]) -> bool:
        match self.operator:
            case "In":
                return str(labels.get(self.key)) in self.values
            case "NotIn":
                return str(labels.get(self.key)) not in self.values
            case "Exists":
                return self.key in labels
            case _:
                return self.key not in labels

    def __str__(self) -> str:
        values = ", ".join(sorted(self.values))
        match self.operator:
            case "In" if len(self.values) == 1:
                return f"{self.key}={values}"
            case "In" | "NotIn":
                return f"{self.key} {'in' if self.operator == 'In' else 'not in'} ({values})"
            case "Exists":
                return self.key
            case _:
                return f"no {self.key}"


@dataclass(frozen=True)
class Selector:
    """A label selector; without requirements it selects everything."""

    requirements: frozenset[Requirement] = frozenset()

    @classmethod
    def read(cls, written: Any) -> Selector:
        exact = {
            Requirement(key, "In", frozenset({str(value)}))
            for key, value in branch(written, "matchLabels").items()
        }
        expressions = {
            Requirement(item["key"], item["operator"], frozenset(entries(item, "values")))
            for item in mappings(written, "matchExpressions")
        }
        return cls(frozenset(exact | expressions))

    def covers(self, other: Selector) -> bool:
        """Whether it selects whatever ``other`` selects."""
        return all(
            any(theirs.implies(own) for theirs in other.requirements) for own in self.requirements
        )

    def overlaps(self, other: Selector) -> bool:
        """False only where nothing can be selected by both."""
        return not any(
            own.excludes(theirs) for own in self.requirements for theirs in other.requirements
        )

    def selects(self, labels: dict[str, Any]) -> bool:
        return all(requirement.holds(labels) for requirement in self.requirements)

    def __str__(self) -> str:
        stated = sorted(str(requirement) for requirement in self.requirements)
        return f"pods {', '.join(stated)}" if stated else "all pods"


@dataclass(frozen=True)
class Peer:
    """The other end: pods in namespaces, or a block of addresses; anyone when neither is set."""

    pods: Selector | None = None
    namespaces: Selector | None = None
    block: IPv4Network | IPv6Network | None = None
    holes: frozenset[IPv4Network | IPv6Network] = frozenset()

    @classmethod
    def read(cls, written: Any, own_namespace: str) -> Peer:
        if cidr := dig(written, "ipBlock", "cidr"):
            excepted = [one for one in entries(written, "ipBlock", "except") if one not in _HIDDEN]
            holes = frozenset(unmapped(ip_network(hole, strict=False)) for hole in excepted)
            block = EVERYWHERE[0] if cidr in _HIDDEN else cidr  # not shown: it can be any
            return cls(block=unmapped(ip_network(block, strict=False)), holes=holes)
        here = Selector(frozenset({Requirement(_NAMESPACE_NAME, "In", frozenset({own_namespace}))}))
        stated = dig(written, "namespaceSelector")
        return cls(
            pods=Selector.read(branch(written, "podSelector")),
            namespaces=here if stated is None else Selector.read(stated),
        )

    def covers(self, other: Peer) -> bool:
        if self == Peer():
            return True
        if self.block is not None and other.block is not None:
            return contains(self.block, other.block) and all(
                not hole.overlaps(other.block)
                or any(contains(theirs, hole) for theirs in other.holes)
                for hole in self.holes
            )
        if self.pods is None or other.pods is None:
            return False
        assert self.namespaces is not None
        assert other.namespaces is not None
        return self.pods.covers(other.pods) and self.namespaces.covers(other.namespaces)

    def __str__(self) -> str:
        if self.block is not None:
            but = f" except {', '.join(sorted(map(str, self.holes)))}" if self.holes else ""
            return f"addresses {self.block}{but}"
        if self.pods is None or self.namespaces is None:
            return "anyone"
        if not self.namespaces.requirements:
            return f"{self.pods} of every namespace"
        spaces = sorted(str(one) for one in self.namespaces.requirements)
        where = ", ".join(spaces).replace(f"{_NAMESPACE_NAME}=", "")
        return f"{self.pods} of namespace {where}"


@dataclass(frozen=True)
class Port:
    """A port or a range of a protocol; every port of every protocol when ``protocol`` is None."""

    protocol: str | None = None
    first: int | str | None = None
    last: int | str | None = None

    @classmethod
    def read(cls, written: Any) -> Port:
        first = dig(written, "port")
        return cls(dig(written, "protocol") or "TCP", first, dig(written, "endPort") or first)

    def covers(self, other: Port) -> bool:
        if self.protocol is None:
            return True
        if self.protocol != other.protocol:
            return False
        if self.first is None or (self.first, self.last) == (other.first, other.last):
            return True
        span, theirs = self._span(), other._span()
        return bool(span and theirs) and span[0] <= theirs[0] and theirs[-1] <= span[-1]

    def _span(self) -> list[int]:
        """First and last port; empty for a port that has a name instead."""
        return [end for end in (self.first, self.last) if isinstance(end, int)]

    def __str__(self) -> str:
        if self.protocol is None:
            return "every port"
        if self.first is None:
            return f"every {self.protocol} port"
        span = str(self.first) if self.first == self.last else f"{self.first}-{self.last}"
        return f"{self.protocol} {span}"


@dataclass(frozen=True)
class Isolation:
    """Pods that are closed in one direction except for what some policy allows."""

    namespace: str
    pods: Selector
    direction: str

    def covers(self, other: Isolation) -> bool:
        return self._same_namespace(other) and self.pods.covers(other.pods)

    def overlaps(self, other: Isolation) -> bool:
        return self._same_namespace(other) and self.pods.overlaps(other.pods)

    def _same_namespace(self, other: Isolation) -> bool:
        return (self.namespace, self.direction) == (other.namespace, other.direction)


@dataclass(frozen=True)
class Grant:
    """One allowed flow of the pods of an isolation."""

    scope: Isolation
    peer: Peer
    port: Port

    def covers(self, other: Grant) -> bool:
        return (
            self.scope.covers(other.scope)
            and self.peer.covers(other.peer)
            and self.port.covers(other.port)
        )

    def __str__(self) -> str:
        inwards = self.scope.direction == "Ingress"
        ends = f"from {self.peer} to" if inwards else f"to {self.peer} from"
        return f"traffic {ends} {self.scope.pods} of {self.scope.namespace}, {self.port}"


def is_policy(resource: Resource | None) -> bool:
    known = kind(resource) == "NetworkPolicy"
    return known and resource is not None and group(resource) == "networking.k8s.io"


def isolations(policy: Resource) -> Iterator[Isolation]:
    spec = branch(policy.inputs, "spec")
    implied = ["Ingress", "Egress"] if "egress" in spec else ["Ingress"]
    pods = Selector.read(branch(spec, "podSelector"))
    for direction in entries(spec, "policyTypes") or implied:
        yield Isolation(namespace(policy), pods, direction)


def grants(policy: Resource) -> Iterator[Grant]:
    for scope in isolations(policy):
        inwards = scope.direction == "Ingress"
        for rule in entries(policy.inputs, "spec", "ingress" if inwards else "egress"):
            stated = entries(rule, "from" if inwards else "to")
            peers = [Peer.read(item, scope.namespace) for item in stated] or [Peer()]
            ports = [Port.read(item) for item in entries(rule, "ports")] or [Port()]
            yield from (Grant(scope, peer, port) for peer in peers for port in ports)


def policies(graph: ResourceGraph) -> list[Resource]:
    return [resource for resource in graph.resources if is_policy(resource)]
