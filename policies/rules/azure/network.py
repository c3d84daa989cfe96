"""Security groups, firewalls of databases and API servers of Azure, by both providers."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final, cast

from graph.resource_graph import UNKNOWN, Resource, ResourceGraph, step
from graph.tree import branch, entries

from ...finding import Severity
from ...open_ports import Opening, exposed, port_range
from ...ranges import between, everywhere, texts
from ...rule import Check, Hit, Rule, at
from ..rows import on

_GROUPS: Final = (
    "azure-native:network:NetworkSecurityGroup",
    "azure:network/networkSecurityGroup:NetworkSecurityGroup",
)
_RULES: Final = (
    "azure-native:network:SecurityRule",
    "azure:network/networkSecurityRule:NetworkSecurityRule",
)
_CLUSTERS: Final = (
    "azure-native:containerservice:ManagedCluster",
    "azure:containerservice/kubernetesCluster:KubernetesCluster",
)
_ENDS: Final = (
    ("startIpAddress", "endIpAddress"),
    ("startIPAddress", "endIPAddress"),
    ("startIP", "endIP"),
    ("startIp", "endIp"),
)

SENSITIVE: Final = Rule(
    id="azure-network-001",
    severity=Severity.CRITICAL,
    reference="CIS Microsoft Azure Foundations Benchmark 6.1, 6.2",
    refuses="a security group that opens a remote shell, a desktop or a database to everyone",
    fix="list the networks that need access, or connect through Azure Bastion",
)
OPEN: Final = Rule(
    id="azure-network-002",
    severity=Severity.HIGH,
    reference="CIS Microsoft Azure Foundations Benchmark 6.3, 6.4",
    refuses="a security group that opens other ports than 80 and 443 to everyone",
    fix="list the networks that need access",
)
OPEN_DATABASE: Final = Rule(
    id="azure-network-003",
    severity=Severity.CRITICAL,
    reference="https://learn.microsoft.com/azure/azure-sql/database/firewall-configure",
    refuses="a firewall of a database or a cache that allows every address",
    fix="name the first and the last address that need access, or use a private endpoint",
)
ALL_OF_AZURE: Final = Rule(
    id="azure-network-004",
    severity=Severity.HIGH,
    reference="CIS Microsoft Azure Foundations Benchmark 4.1.2",
    refuses="a firewall that allows every customer of Azure (0.0.0.0 to 0.0.0.0)",
    fix="name the addresses that need access, or use a private endpoint",
)
OPEN_CLUSTER: Final = Rule(
    id="azure-aks-001",
    severity=Severity.HIGH,
    reference="https://learn.microsoft.com/azure/aks/api-server-authorized-ip-ranges",
    refuses="a Kubernetes cluster whose API server everyone can reach",
    fix="list the networks in authorizedIPRanges, or set enablePrivateCluster",
)


def networks_are_bounded(graph: ResourceGraph) -> Iterator[Hit]:
    """Finds security groups, databases and API servers that accept every address."""
    openings: list[Opening] = []
    for resource in graph.resources:
        if not resource.type.startswith(("azure:", "azure-native:")):
            continue
        if resource.type in _RULES:
            openings += _openings(resource, "", resource.inputs)
        elif resource.type in _GROUPS:
            for number, rule in enumerate(entries(resource.inputs, "securityRules")):
                openings += _openings(resource, f"securityRules[{number}]", branch(rule))
        elif resource.type in _CLUSTERS:
            yield from _cluster(resource)
        else:
            yield from _firewall(resource)
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


def _openings(resource: Resource, path: str, rule: Mapping[str, Any]) -> Iterator[Opening]:
    # Azure reads these words without regard to case.
    if any(
        str(rule.get(key)).casefold() != wanted
        for key, wanted in (("access", "allow"), ("direction", "inbound"))
    ):
        return
    ports = [*texts(rule.get("destinationPortRange")), *texts(rule.get("destinationPortRanges"))]
    group = rule.get("networkSecurityGroupName")
    for key in ("sourceAddressPrefix", "sourceAddressPrefixes"):
        if not rule.get(key):
            continue
        for text in ports:
            yield Opening(
                resource=resource,
                path=step(path, key),
                group=str(group or resource.urn),
                # All protocols of some ports are not all ports.
                protocol=str(rule.get("protocol")).casefold().replace("*", "tcp"),
                ports=port_range(text),
                ranges=tuple(texts(rule[key])),
            )


def _firewall(resource: Resource) -> Iterator[Hit]:
    for first, last in _ENDS:
        start, end = resource.inputs.get(first), resource.inputs.get(last)
        if start is None or end is None:
            continue
        if start == end == "0.0.0.0":  # noqa: S104  (what Azure writes for its own services)
            what = "is 0.0.0.0 to 0.0.0.0, which is every customer of Azure"
            so = "everyone with a machine in Azure could try passwords on it"
            yield at(resource, first, what, so, ALL_OF_AZURE.fix, ALL_OF_AZURE.id)
        elif everywhere([between(start, end)]):
            what = f"is {start}, to {end}"
            so = "everyone on the internet could try passwords and known faults on it"
            yield at(resource, first, what, so, OPEN_DATABASE.fix, OPEN_DATABASE.id)


def _cluster(cluster: Resource) -> Iterator[Hit]:
    key = "apiServerAccessProfile"
    given = cluster.inputs.get(key)
    profile = branch(given)
    private = profile.get("enablePrivateCluster"), cluster.inputs.get("privateClusterEnabled")
    if any(map(on, private)) or given == UNKNOWN:
        return
    spellings = ("authorizedIPRanges", "authorizedIpRanges")
    named = next((one for one in spellings if one in profile), "")
    networks = profile.get(named) or cluster.inputs.get("apiServerAuthorizedIpRanges")
    so = "everyone on the internet could try stolen tokens and known faults on it"
    if not networks:
        what = "names no networks: every address may connect to the API server"
        yield at(cluster, key, what, so, OPEN_CLUSTER.fix, OPEN_CLUSTER.id)
    elif everywhere(cast("list[Any]", texts(networks))):
        path = step(key, named) if named else "apiServerAuthorizedIpRanges"
        yield at(cluster, path, "is everywhere", so, OPEN_CLUSTER.fix, OPEN_CLUSTER.id)


CHECK: Final = Check(
    rules=(SENSITIVE, OPEN, OPEN_DATABASE, ALL_OF_AZURE, OPEN_CLUSTER),
    types=(
        *(*_GROUPS, *_RULES, *_CLUSTERS),
        *(f"azure-native:{one}:FirewallRule" for one in ("sql", "dbforpostgresql", "redis")),
        *("azure-native:dbformysql:FirewallRule", "azure:mssql/firewallRule:FirewallRule"),
    ),
    find=networks_are_bounded,
)
