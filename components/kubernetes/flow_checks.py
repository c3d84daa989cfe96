"""Checks of flows and parties: unknown names, and networks that are too wide."""

from __future__ import annotations

import ipaddress
from collections import Counter
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Any, Final

from ..base.network_forms import WIDEST
from ..base.platform_addresses import contains, is_metadata, unmapped
from ..base.problems import Problem
from .party import Flow, Internet, MetadataServer, Neighbour, Outside, Party


def flow_problems(
    workloads: Sequence[str],
    flows: Sequence[Flow],
    parties: Mapping[str, Party],
    *,
    api_server: Sequence[str] = (),
) -> list[Problem]:
    """Problems of flows: unknown parties, egress to all addresses, to metadata or API servers."""
    problems: list[Problem] = []
    known = {*workloads, *parties}
    networks = {name: _networks(party) for name, party in parties.items()}
    for index, flow in enumerate(flows):
        at = f"flows[{index}]"
        arrow = f"{flow.source} → {flow.target}:{flow.port}"
        problems += [
            Problem(
                at,
                f"{arrow}: no workload or party has the name {name!r}",
                "no network policy would allow the flow: its packets would be dropped",
                f"write one of {', '.join(sorted(known))}",
            )
            for name in (flow.source, flow.target)
            if name not in known
        ]
        if isinstance(parties.get(flow.source), Internet):
            problems.append(
                Problem(
                    at,
                    f"{arrow}: {flow.source} is every public address",
                    "anybody could connect to the workload",
                    "name the clients' networks in a party Outside",
                )
            )
        if isinstance(parties.get(flow.source), MetadataServer):
            problems.append(
                Problem(
                    at,
                    f"{arrow}: {flow.source} gives out tokens, and connects to nobody",
                    "the policy would be opened for connections that nothing makes",
                    "make it the target of the flow, or remove the flow",
                )
            )
        reached = networks.get(flow.target, ())
        problems += [
            Problem(
                at,
                f"{arrow}: {network} of {flow.target} is an address of a cloud's metadata service",
                "a process in the pod could read the credentials of its node",
                "remove that address",
            )
            for network in reached
            if is_metadata(network)
        ]
        problems += [
            Problem(at, f"{arrow}: {network} of {flow.target} {problem[0]}", *problem[1:])
            for network in reached
            if (problem := api_server_problem(network, api_server))
        ]
        if wide := [network for network in map(unmapped, reached) if _is_wide(network)]:
            most = min(network.prefixlen for network in wide)
            large = "a large part of the internet" if most else "all addresses"
            problems.append(
                Problem(
                    at,
                    f"{arrow}: {flow.target} is {large}",
                    "a process in the pod could send data to any address",
                    "list the networks that the workload needs",
                )
            )
    return problems


def api_client_problems(
    workloads: Sequence[str], clients: Sequence[str], api_server: Sequence[str]
) -> list[Problem]:
    """Clients of the API server that are no workloads, or whose policy would allow nothing."""
    problems = [
        Problem(
            f"api_clients[{index}]",
            f"{name!r} is no workload",
            "its policy would select no pod",
            f"write one of {', '.join(sorted(workloads))}",
        )
        for index, name in enumerate(clients)
        if name not in workloads
    ]
    if clients and not api_server:
        problems.append(
            Problem(
                "api_server",
                "is empty, and api_clients is not",
                "they could not connect to the API server",
                "list its networks (kubectl get service,endpointslices -n default)",
            )
        )
    return problems


PRIVATE_NETWORKS: Final = tuple(
    map(
        ipaddress.ip_network,
        ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10", "fc00::/7"),
    )
)
"""Private networks (RFC 1918, RFC 6598, RFC 4193), which can contain an API server."""

_ONE_SUBNET: Final = {4: 24, 6: 64}
"""Shortest mask, by IP version, of a private egress network while the API server is unknown."""


def api_server_problem(network: Any, api_server: Sequence[str]) -> tuple[str, str, str] | None:
    """What is wrong with egress to ``network``: it is, or may contain, the cluster's API server.

    Args:
        network: where pods may connect to.
        api_server: the known networks of the API server, which are cut out of larger ones.

    Returns:
        What, consequence and fix.
    """
    plain = unmapped(network)
    found = (ipaddress.ip_network(each) for each in api_server)
    if any(contains(each, plain) for each in found):
        return (
            "is an address of the cluster's API server",
            "a process in a pod could call the Kubernetes API",
            "remove that network",
        )
    private = any(contains(each, plain) or contains(plain, each) for each in PRIVATE_NETWORKS)
    narrow = plain.prefixlen >= _ONE_SUBNET[plain.version]
    if api_server or narrow or not private or _is_wide(plain):  # a wide one is refused as such
        return None
    return (
        "is a large private network, and the addresses of the API server are unknown",
        "if they are in it, a process in a pod could call the Kubernetes API",
        f"write networks of at least /{_ONE_SUBNET[plain.version]}, or list the API server's "
        "addresses (kubectl get service,endpointslices -n default)",
    )


def _is_wide(network: Any) -> bool:
    return network.prefixlen < WIDEST[network.version]


def party_problems(
    workloads: Sequence[str],
    outsides: Sequence[Outside],
    neighbours: Sequence[Neighbour],
    others: Sequence[Internet | MetadataServer] = (),
) -> list[Problem]:
    """Parties without addresses or labels, and names that two of them have."""
    problems = [
        Problem(
            f"outsides[{index}].cidrs",
            "is an empty list",
            "a network policy with an empty list allows every network",
            "list its networks, or remove the party and its flows",
        )
        for index, party in enumerate(outsides)
        if not party.cidrs
    ]
    problems += [
        Problem(
            f"neighbours[{index}].labels",
            "is an empty mapping",
            f"its flows would include every pod of the namespace {party.namespace}",
            "list labels that select only its pods",
        )
        for index, party in enumerate(neighbours)
        if not party.labels
    ]
    parties = (*outsides, *neighbours, *others)
    names = Counter([*set(workloads), *(party.name for party in parties)])
    problems += [
        Problem(
            "flows",
            f"{count} workloads or parties have the name {name!r}",
            "a flow to or from that name would be ambiguous",
            "give each a name of its own",
        )
        for name, count in names.items()
        if count > 1
    ]
    return problems


def _networks(party: Party) -> list[Any]:
    """The networks of a party outside the cluster; invalid ones are refused by their form."""
    found: list[Any] = []
    for cidr in party.cidrs if isinstance(party, Outside) else ():
        with suppress(ValueError):
            found.append(ipaddress.ip_network(cidr))
    return found
