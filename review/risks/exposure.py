"""Entry points from outside that a change adds or opens to more sources."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from ipaddress import ip_network
from typing import Any

from components.base.platform_addresses import EVERYWHERE, contains
from components.clouds import resource_type
from graph.kubernetes import called, kind, pod
from graph.resource_graph import Resource
from graph.tree import branch, dig, entries, mappings

from ..diff import Change, Diff

# Properties of cloud resources that make something public, with the values that do.
_PUBLIC: dict[str, tuple[Any, ...]] = {
    "publiclyAccessible": (True,),
    "publicNetworkAccess": ("Enabled",),
    "publicNetworkAccessEnabled": (True,),
    "allowBlobPublicAccess": (True,),
    "assignPublicIp": (True, "ENABLED"),
    "acl": ("public-read", "public-read-write"),
    "blockPublicAcls": (False,),
    "blockPublicPolicy": (False,),
    "restrictPublicBuckets": (False,),
    "authorizationType": ("NONE",),
    "authType": ("NONE",),
    "member": ("allUsers", "allAuthenticatedUsers"),
    "principal": ("*",),
    "ingress": ("INGRESS_TRAFFIC_ALL",),
    "ingressSettings": ("ALLOW_ALL",),
    "external": (True,),
    "internal": (False,),
    "cidrIpv4": EVERYWHERE[:1],
    "cidrIpv6": EVERYWHERE[1:],
}
_PUBLIC_LISTS = ("members", "cidrBlocks", "ipv6CidrBlocks", "sourceRanges")
_PUBLIC_MEMBERS = (*EVERYWHERE, "allUsers", "allAuthenticatedUsers")


@dataclass(frozen=True)
class EntryPoint:
    """An address or a port that is open to the outside, and the sources that it takes."""

    place: str
    sources: tuple[str, ...] = EVERYWHERE

    def is_within(self, other: EntryPoint) -> bool:
        """Whether ``other`` takes every source that this one takes."""
        return self.place == other.place and all(
            any(_covers(theirs, own) for theirs in other.sources) for own in self.sources
        )

    def __str__(self) -> str:
        from_ = "" if self.sources == EVERYWHERE else f" from {', '.join(self.sources)}"
        return f"{self.place}{from_}"


def new_exposure(change: Change, _diff: Diff) -> Iterator[str]:
    """Entry points after the change that none before it covers."""
    if change.after is None:
        return
    known = entry_points(change.before) if change.before else []
    for entry_point in entry_points(change.after):
        if not any(entry_point.is_within(old) for old in known):
            yield f"{called(change.after)} opens {entry_point}"


def entry_points(resource: Resource) -> list[EntryPoint]:  # noqa: PLR0911  (one a kind)
    """Where ``resource`` takes connections from outside the cluster or the cloud's network."""
    spec = branch(resource.inputs, "spec")
    match kind(resource):
        case "Service":
            return list(_service(spec))
        case "Ingress":
            return [EntryPoint(f"https://{host}{path}") for host, path in _ingress(spec)]
        case "HTTPRoute" | "GRPCRoute" | "TLSRoute":
            hosts = entries(spec, "hostnames") or ["any host"]
            return [EntryPoint(f"{host}{path}") for host in hosts for path in _route_paths(spec)]
        case "TCPRoute" | "UDPRoute":
            return [EntryPoint("a route from its gateway")]
        case "VirtualService" if spec.get("gateways") not in (None, ["mesh"]):
            return [EntryPoint(f"host {host}") for host in entries(spec, "hosts")]
        case "Gateway":
            return list(_gateway(spec))
        case "" if (row := resource_type(resource.type)) and row.outbound:
            return []
        case "":
            return [EntryPoint(place) for place in sorted(set(_cloud(resource.inputs)))]
        case _:
            return list(_host_ports(resource))


def _service(spec: dict[str, Any]) -> Iterator[EntryPoint]:
    exposed = {"NodePort": "port {} on every node", "LoadBalancer": "load balancer port {}"}
    place = exposed.get(spec.get("type", "ClusterIP"))
    ranges = tuple(entries(spec, "loadBalancerSourceRanges")) or EVERYWHERE
    for port in mappings(spec, "ports"):
        number = f"{port.get('port')}/{port.get('protocol', 'TCP')}"
        if place:
            yield EntryPoint(place.format(number), ranges)
        for address in entries(spec, "externalIPs"):
            yield EntryPoint(f"{address} port {number}")


def _ingress(spec: dict[str, Any]) -> Iterator[tuple[str, str]]:
    if "defaultBackend" in spec:
        yield "any host", "/"
    for rule in mappings(spec, "rules"):
        for path in mappings(rule, "http", "paths"):
            yield rule.get("host", "any host"), path.get("path", "/")


def _route_paths(spec: dict[str, Any]) -> list[str]:
    matches = [match for rule in mappings(spec, "rules") for match in entries(rule, "matches")]
    paths = {dig(match, "path", "value") or "/" for match in matches}
    return sorted(paths) or ["/"]


def _gateway(spec: dict[str, Any]) -> Iterator[EntryPoint]:
    for listener in mappings(spec, "listeners"):
        host = listener.get("hostname", "any host")
        yield EntryPoint(f"{host} port {listener.get('port')} ({listener.get('protocol')})")
    for server in mappings(spec, "servers"):  # Istio's own Gateway
        for host in entries(server, "hosts"):
            yield EntryPoint(f"{host} port {dig(server, 'port', 'number')}")


def _host_ports(workload: Resource) -> Iterator[EntryPoint]:
    started = pod(workload)
    if started is None:
        return
    for container in started.containers.values():
        for port in mappings(container, "ports"):
            if host_port := port.get("hostPort"):
                yield EntryPoint(f"port {host_port} of its node")


def _cloud(tree: Any) -> Iterator[str]:
    for item in entries(tree):
        yield from _cloud(item)
    for key, value in branch(tree).items():
        if isinstance(value, str | bool) and value in _PUBLIC.get(key, ()):
            written = str(value).lower() if isinstance(value, bool) else value
            yield f"it to the public ({key}: {written})"
        elif key in _PUBLIC_LISTS:
            public = [member for member in entries(value) if member in _PUBLIC_MEMBERS]
            yield from (f"it to the public ({key}: {member})" for member in public)
        elif key != "egress":
            yield from _cloud(value)


def _covers(wide: str, narrow: str) -> bool:
    try:
        outer, inner = ip_network(wide, strict=False), ip_network(narrow, strict=False)
    except ValueError:  # known only after a deployment, or a mistake: equal to itself only
        return wide == narrow
    return contains(outer, inner)
