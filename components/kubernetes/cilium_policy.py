"""CiliumNetworkPolicies: connections to hosts outside by name, which no NetworkPolicy can allow."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from ipaddress import IPv6Network, ip_network
from typing import Any, Final

from ..base.platform_addresses import NOT_PUBLIC, PUBLIC, contains, unmapped
from .dns import Dns
from .labels import selector

_NAMESPACE: Final = "k8s:io.kubernetes.pod.namespace"
_OTHER_IPV6: Final = [
    str(network) for network in IPv6Network("::/0").address_exclude(IPv6Network(PUBLIC[6]))
]
"""Networks outside the global unicast range (RFC 4291); some contain IPv4 addresses."""


def host_policy(
    workload: str,
    hosts: Sequence[str],
    *,
    dns: Dns,
    api_server: Sequence[str] = (),
    networks: Mapping[int, Sequence[str]] | None = None,
) -> dict[str, Any]:
    """The spec of the CiliumNetworkPolicy of a workload.

    Cilium learns the addresses of a host from answers to the workload's own DNS queries, which it
    sees only if the rule for DNS is one with ``rules.dns``. A connection passes if this policy or a
    NetworkPolicy allows it; ``egressDeny`` overrides both.

    Args:
        workload: its name; its pods connect to the hosts.
        hosts: ``host:port`` of the hosts.
        dns: the DNS servers.
        api_server: networks of the API server, which are closed.
        networks: networks that a flow opens to the workload, by port; they stay open.
    """
    ports: dict[int, list[str]] = {}
    for each in hosts:
        host, _, port = each.rpartition(":")
        ports.setdefault(int(port), []).append(host)
    named = [
        {"toFQDNs": [{"matchName": host} for host in sorted(found)], "toPorts": _tcp(port)}
        for port, found in sorted(ports.items())
    ]
    excluded = [*NOT_PUBLIC[4], *_OTHER_IPV6, *NOT_PUBLIC[6], *api_server]
    closed = [
        {
            "toCIDRSet": list(_without(excluded, (networks or {}).get(port, ()))),
            "toPorts": _tcp(port),
        }
        for port in sorted(ports)
    ]
    return {
        "endpointSelector": {"matchLabels": selector(workload)},
        "egress": [*_queries(dns), *named],
        "egressDeny": [rule for rule in closed if rule["toCIDRSet"]],
    }


def _queries(dns: Dns) -> Iterator[dict[str, Any]]:
    pods: dict[int, list[dict[str, Any]]] = {}
    for each in dns.pods:
        labels = {f"k8s:{name}": value for name, value in each.labels.items()}
        found = pods.setdefault(each.port, [])
        found.append({"matchLabels": {_NAMESPACE: each.namespace, **labels}})
    for port, endpoints in pods.items():
        yield {"toEndpoints": endpoints, "toPorts": _dns(port)}
    if dns.addresses:
        blocks = [f"{address}/{128 if ':' in address else 32}" for address in dns.addresses]
        yield {"toCIDR": blocks, "toPorts": _dns(53)}


def _dns(port: int) -> list[dict[str, Any]]:
    # Resolvers query each name with the cluster's search domains appended first.
    seen = {"dns": [{"matchPattern": "*"}]}
    return [{"ports": [{"port": str(port), "protocol": "ANY"}], "rules": seen}]


def _tcp(port: int) -> list[dict[str, Any]]:
    return [{"ports": [{"port": str(port), "protocol": "TCP"}]}]


def _without(excluded: Sequence[str], opened: Sequence[str]) -> Iterator[dict[str, Any]]:
    """The networks ``excluded``, without the networks ``opened``."""
    ours = [unmapped(ip_network(each)) for each in opened]
    for written in dict.fromkeys(excluded):
        network = unmapped(ip_network(written))
        if any(contains(each, network) for each in ours):
            continue
        inside = [str(each) for each in ours if contains(network, each)]
        yield {"cidr": str(network), **({"except": inside} if inside else {})}
