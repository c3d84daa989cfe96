"""Which flows of a topology cannot work."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Final

from components.base.problems import Problem, nearest
from components.kubernetes.gateway_metrics import MONOLITH_METRICS
from components.kubernetes.party import Flow
from components.mcp.server_config import METRICS, P2P

from .topology import (
    CLIENTS,
    ISSUER,
    OPTIONAL_PARTIES,
    PEERS,
    PROMETHEUS,
    STORES,
    GatewayService,
    Topology,
)

DROPPED: Final = "the network policies would drop it"
INCOMING: Final = {ISSUER: (), PEERS: (P2P,), PROMETHEUS: (METRICS, MONOLITH_METRICS)}
"""Ports that parties outside may connect to, besides clients, which connect to the front."""


def one_of(name: str, known: Sequence[str]) -> str:
    """What to write instead of ``name``: the nearest of ``known``, or one of them."""
    guess = nearest(name, known)
    return f"write {guess}" if guess else f"one of: {', '.join(known) or 'none'}"


def flow_problems(topology: Topology) -> Iterator[Problem]:
    """Flows from, to or between what is not there, and to ports on which nothing listens."""
    listens = _ports(topology)
    known = [*topology.workloads, *OPTIONAL_PARTIES]
    said = Counter((f.source, f.target, f.port, f.protocol) for f in topology.flows)
    for index, flow in enumerate(topology.flows):
        path = topology.at(f"flows[{index}] ({flow.source} → {flow.target}:{flow.port})")
        unknown = [name for name in (flow.source, flow.target) if name not in known]
        for name in dict.fromkeys(unknown):
            fix = f"add {name} to data" if name in STORES else one_of(name, known)
            yield Problem(path, f"the topology has no party with the name {name!r}", DROPPED, fix)
        if not unknown:
            yield from _ends(topology, flow, path, listens)
        if said[flow.source, flow.target, flow.port, flow.protocol] > 1:
            said[flow.source, flow.target, flow.port, flow.protocol] = 1
            yield Problem(
                path,
                "is declared twice",
                "after one of them is removed, the flow would still be allowed",
                "leave one",
            )


def _ends(
    topology: Topology, flow: Flow, path: str, listens: dict[str, tuple[int, ...]]
) -> Iterator[Problem]:
    """Problems of a flow whose ends are both there."""
    if flow.source in OPTIONAL_PARTIES and flow.target in OPTIONAL_PARTIES:
        yield Problem(
            path,
            "both ends are outside the platform",
            "no network policy is generated for it",
            "leave it out",
        )
    front = topology.front.service
    if flow.source == CLIENTS and front in topology.workloads and flow.target != front:
        yield Problem(
            path,
            f"lets clients bypass the front, {front}",
            "their requests would bypass its TLS, rate limits and logs",
            f"set its target to {front}, or remove it",
        )
    outside = flow.target in OPTIONAL_PARTIES
    if flow.source in INCOMING and not outside and flow.port not in INCOMING[flow.source]:
        open_to = ", ".join(map(str, INCOMING[flow.source])) or "none"
        yield Problem(
            path,
            f"lets {flow.source} connect to port {flow.port}; its ports are: {open_to}",
            "its requests would bypass the front, with its TLS, rate limits and logs",
            "remove it, or use another source",
        )
    if flow.target == CLIENTS and flow.source not in OPTIONAL_PARTIES:
        yield Problem(
            path,
            f"lets {flow.source} connect to clients",
            "with a public front, clients are every address: data could be sent anywhere",
            "swap source and target, or remove it",
        )
    gateways = [each.name for each in topology.services if isinstance(each, GatewayService)]
    if flow.source in gateways and flow.target in STORES:
        yield Problem(
            path,
            f"{flow.source} is a gateway, which uses no data store",
            "an attacker in the pods that clients connect to could read the data",
            "remove it",
        )
    if flow.source in STORES:
        yield Problem(
            path,
            f"{flow.source} opens no connections",
            "an attacker in the data store could send its data elsewhere",
            "swap source and target, or remove it",
        )
    ports = listens.get(flow.target)
    if ports is not None and (flow.port not in ports or flow.protocol != "TCP"):
        yield Problem(
            path,
            f"{flow.target} does not listen on {flow.protocol} port {flow.port}",
            "connections would fail, and the policy would allow an unused port",
            f"one of: {', '.join(map(str, ports)) or 'none'} (TCP)",
        )


def _ports(topology: Topology) -> dict[str, tuple[int, ...]]:
    """The TCP ports that each workload listens on."""
    return {
        **{service.name: tuple(service.ports) for service in topology.services},
        **{store: (STORES[store],) for store in topology.data if store in STORES},
        **{job.name: () for job in topology.jobs},
    }
