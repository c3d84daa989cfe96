"""Firewalls, databases' networks and control planes of Google Cloud."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

from graph.resource_graph import UNKNOWN, Resource, ResourceGraph, step
from graph.tree import branch, dig, entries

from ...finding import Severity
from ...open_ports import ALL_PORTS, Opening, exposed, port_range
from ...ranges import everywhere, texts
from ...rule import Check, Hit, Rule, at
from ..rows import on
from .types import SQL

_FIREWALL: Final = "gcp:compute/firewall:Firewall"
_POLICY_RULES: Final = tuple(
    f"gcp:compute/{name[0].lower()}{name[1:]}:{name}"
    for name in (
        *("FirewallPolicyRule", "NetworkFirewallPolicyRule", "RegionNetworkFirewallPolicyRule"),
    )
)
_CLUSTER: Final = "gcp:container/cluster:Cluster"
_SOURCES: Final = ("sourceTags", "sourceServiceAccounts", "sourceRanges")

SENSITIVE: Final = Rule(
    id="gcp-compute-002",
    severity=Severity.CRITICAL,
    reference="CIS Google Cloud Platform Foundation Benchmark 3.6, 3.7",
    refuses="a firewall that opens a remote shell, a desktop or a database to everyone",
    fix="list the networks that need access, or connect through Identity-Aware Proxy",
)
OPEN: Final = Rule(
    id="gcp-compute-001",
    severity=Severity.HIGH,
    reference="https://cloud.google.com/firewall/docs/firewalls",
    refuses="a firewall that opens other ports than 80 and 443 to everyone",
    fix="list the networks that need access",
)
OPEN_DATABASE: Final = Rule(
    id="gcp-sql-009",
    severity=Severity.CRITICAL,
    reference="CIS Google Cloud Platform Foundation Benchmark 6.5",
    refuses="a database that accepts connections from everywhere",
    fix="list the networks that need access, or set privateNetwork and no public address",
)
OPEN_CLUSTER: Final = Rule(
    id="gcp-gke-001",
    severity=Severity.HIGH,
    reference="CIS Google Kubernetes Engine Benchmark 5.6.3",
    refuses="a cluster whose control plane everyone can reach",
    fix="list the networks in masterAuthorizedNetworksConfig, or set enablePrivateEndpoint",
)


def networks_are_bounded(graph: ResourceGraph) -> Iterator[Hit]:
    """Finds firewalls, databases and control planes that accept every address."""
    openings: list[Opening] = []
    for resource in graph.resources:
        if resource.type == _FIREWALL:
            openings += _of_firewall(resource)
        elif resource.type in _POLICY_RULES:
            openings += _of_policy_rule(resource)
        elif resource.type == SQL:
            yield from _database(resource)
        elif resource.type == _CLUSTER:
            yield from _cluster(resource)
    for opening, sensitive in exposed(openings):
        rule = SENSITIVE if sensitive else OPEN
        yield at(
            opening.resource,
            opening.path,
            f"accepts connections from everywhere on {opening.shown}",
            "everyone could connect to the machines behind it",
            rule.fix,
            rule.id,
        )


def _of_firewall(firewall: Resource) -> Iterator[Opening]:
    given = firewall.inputs
    if str(given.get("direction", "INGRESS")).upper() != "INGRESS" or on(given.get("disabled")):
        return
    # Without any source a firewall allows every address (VPC, Firewall rules, Sources).
    ranges = given.get("sourceRanges")
    if not any(given.get(key) for key in _SOURCES):
        ranges = ["0.0.0.0/0"]
    for allowed in map(branch, entries(given, "allows")):
        yield from _openings(firewall, "sourceRanges", ranges, allowed.get("protocol"), allowed)


def _of_policy_rule(rule: Resource) -> Iterator[Opening]:
    given = rule.inputs
    if str(given.get("action")).casefold() != "allow" or str(given.get("direction")) != "INGRESS":
        return
    ranges = dig(given, "match", "srcIpRanges")
    for allowed in map(branch, entries(given, "match", "layer4Configs")):
        yield from _openings(rule, "match.srcIpRanges", ranges, allowed.get("ipProtocol"), allowed)


def _openings(
    resource: Resource, path: str, ranges: Any, protocol: Any, allowed: Mapping[str, Any]
) -> Iterator[Opening]:
    ports = [port_range(text) for text in entries(allowed, "ports")]
    for pair in ports or [ALL_PORTS]:
        yield Opening(
            resource=resource,
            path=path,
            group=resource.urn,
            protocol=str(protocol).casefold(),
            ports=pair,
            ranges=tuple(texts(ranges)),
        )


def _database(database: Resource) -> Iterator[Hit]:
    path = "settings.ipConfiguration.authorizedNetworks"
    networks = entries(database.inputs, *path.split("."))
    if everywhere(branch(one).get("value") for one in networks):
        what = "is everywhere"
        so = "everyone on the internet could try passwords and known faults on it"
        yield at(database, path, what, so, OPEN_DATABASE.fix, OPEN_DATABASE.id)


def _cluster(cluster: Resource) -> Iterator[Hit]:
    key = "masterAuthorizedNetworksConfig"
    private = dig(cluster.inputs, "privateClusterConfig", "enablePrivateEndpoint")
    dns_only = dig(cluster.inputs, "controlPlaneEndpointsConfig", "ipEndpointsConfig", "enabled")
    given = cluster.inputs.get(key)
    if on(private) or dns_only is False or given == UNKNOWN:
        return
    so = "everyone on the internet could try stolen tokens and known faults on it"
    networks = entries(given, "cidrBlocks")
    if given is None:
        what = "is missing: every address may connect to the control plane"
        yield at(cluster, key, what, so, OPEN_CLUSTER.fix, OPEN_CLUSTER.id)
    elif everywhere(branch(one).get("cidrBlock") for one in networks):
        path = step(key, "cidrBlocks")
        yield at(cluster, path, "is everywhere", so, OPEN_CLUSTER.fix, OPEN_CLUSTER.id)


CHECK: Final = Check(
    rules=(SENSITIVE, OPEN, OPEN_DATABASE, OPEN_CLUSTER),
    types=(_FIREWALL, *_POLICY_RULES, SQL, _CLUSTER),
    find=networks_are_bounded,
)
