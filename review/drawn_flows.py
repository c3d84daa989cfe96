"""The arrows of a drawing: connections that policies allow, entry points, references."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from components.base.platform_addresses import EVERYWHERE
from graph.kubernetes import kind, labels, namespace, pod
from graph.object_names import object_name
from graph.resource_graph import ResourceGraph

from .drawn_nodes import Placement, workload_key
from .risks.allowed_traffic import Grant, Peer, Port, Selector, grants, isolations, policies
from .risks.exposure import entry_points

OUTSIDE = "outside: "
"""Before the name of a party that is not part of the stack."""
REFERENCE = "uses"
"""The label of a reference from one resource to another."""
_DNS_PORTS = {53, 5353}
_NAMESPACE_NAME = "kubernetes.io/metadata.name"


@dataclass(frozen=True, order=True)
class Flow:
    """A connection or a reference from one node to another, by their keys."""

    source: str
    target: str
    label: str


@dataclass(frozen=True)
class _Pods:
    """The pods of one workload."""

    key: str
    namespace: str
    labels: Mapping[str, object]
    namespace_labels: Mapping[str, object]


def flows(graph: ResourceGraph, placement: Placement) -> set[Flow]:
    """The flows that network policies allow, those from outside, and references to resources."""
    return {*_allowed(graph), *_entries(graph, placement), *_references(graph, placement)}


def _allowed(graph: ResourceGraph) -> Iterator[Flow]:
    """Connections that policies name and that both ends allow; name lookups are left out."""
    known = list(_pods(graph))
    closed = {
        (one.key, isolation.direction)
        for policy in policies(graph)
        for isolation in isolations(policy)
        for one in known
        if _is_within(one, isolation.namespace, isolation.pods)
    }
    ends: dict[str, defaultdict[tuple[str, str], set[Port]]] = {
        "Ingress": defaultdict(set),
        "Egress": defaultdict(set),
    }
    for policy in policies(graph):
        for grant in grants(policy):
            for source, target in _pairs(grant, known):
                ends[grant.scope.direction][source, target].add(grant.port)
    for direction, other in (("Ingress", "Egress"), ("Egress", "Ingress")):
        for (source, target), ports in ends[direction].items():
            far = source if direction == "Ingress" else target
            for port in ports:
                if far.startswith(OUTSIDE):
                    allowed = port.first not in _DNS_PORTS
                else:
                    allowed = (far, other) not in closed or any(
                        theirs.covers(port) for theirs in ends[other].get((source, target), ())
                    )
                if allowed:
                    yield Flow(source, target, _written(port))


def _pods(graph: ResourceGraph) -> Iterator[_Pods]:
    spaces = {object_name(one): labels(one) for one in graph.resources if kind(one) == "Namespace"}
    for resource in graph.resources:
        if started := pod(resource):
            space = namespace(resource)
            named = {_NAMESPACE_NAME: space, **spaces.get(space, {})}
            yield _Pods(workload_key(resource), space, started.labels, named)


def _is_within(pods: _Pods, space: str, selector: Selector) -> bool:
    return pods.namespace == space and selector.selects(dict(pods.labels))


def _pairs(grant: Grant, known: list[_Pods]) -> Iterator[tuple[str, str]]:
    peers = [one.key for one in known if _is_peer(one, grant.peer)]
    if not peers:
        peers = [f"{OUTSIDE}{_party(grant.peer)}"]
    for one in known:
        if _is_within(one, grant.scope.namespace, grant.scope.pods):
            for peer in peers:
                if peer != one.key:
                    inwards = grant.scope.direction == "Ingress"
                    yield (peer, one.key) if inwards else (one.key, peer)


def _is_peer(pods: _Pods, peer: Peer) -> bool:
    if peer.pods is None or peer.namespaces is None:
        return False
    return peer.pods.selects(dict(pods.labels)) and peer.namespaces.selects(
        dict(pods.namespace_labels)
    )


def _party(peer: Peer) -> str:
    """A party outside: a range of addresses as the entry points write it, or pods."""
    if peer == Peer() or (str(peer.block) in EVERYWHERE and not peer.holes):
        return "every address"
    if peer.block is None:
        return str(peer).removeprefix("pods ").replace(" of namespace ", " in ")
    where = f"any IPv{peer.block.version}" if str(peer.block) in EVERYWHERE else str(peer.block)
    return f"{where} but {len(peer.holes)} ranges" if peer.holes else where


def _written(port: Port) -> str:
    text = str(port)
    return text.removeprefix("TCP ")


def _entries(graph: ResourceGraph, placement: Placement) -> Iterator[Flow]:
    for resource in graph.resources:
        key = placement.node_of.get(resource.urn)
        if key is None:
            continue
        for entry in entry_points(resource):
            everywhere = entry.sources == EVERYWHERE
            label = "public" if entry.place.startswith("it to the public") else entry.place
            for source in ("every address",) if everywhere else entry.sources:
                yield Flow(f"{OUTSIDE}{source}", key, label)


def _references(graph: ResourceGraph, placement: Placement) -> Iterator[Flow]:
    """References between nodes of clouds; objects in a cluster have their policies instead."""
    for resource in graph.resources:
        source = placement.node_of.get(resource.urn)
        if source is None or resource.is_kubernetes_object:
            continue
        for urn in resource.dependencies:
            target = placement.node_of.get(urn)
            if target is not None and target != source:
                yield Flow(source, target, REFERENCE)
