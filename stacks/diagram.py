"""Draws a topology as a Mermaid diagram from the flows that the network policies also use."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

from components.kubernetes.party import Flow

from .topologies.topology import OPTIONAL_PARTIES, GatewayService, Topology

_SERVERS = "servers"


def mermaid(topology: Topology) -> str:
    """The topology as a Mermaid flowchart: an arrow for each pair that may talk.

    What each server has in common (its keys, its metrics) is one arrow to or from all of them.
    """
    servers = [s.name for s in topology.services if not isinstance(s, GatewayService)]
    gateways = [s.name for s in topology.services if isinstance(s, GatewayService)]
    outside = [party for party in OPTIONAL_PARTIES if _mentions(topology.flows, party)]
    return "\n".join(
        [
            "flowchart LR",
            *(f"    {party}([{party}])" for party in outside),
            *(f"    {name}[{name}]" for name in gateways),
            f"    subgraph {_SERVERS}",
            *(f"        {name}[{name}]" for name in servers),
            "    end",
            *(f"    {name}[({name})]" for name in topology.data),
            *(f"    {job.name}[/{job.name}/]" for job in topology.jobs),
            *_arrows(topology.flows, servers),
        ]
    )


def flow_table(topology: Topology) -> str:
    """Every flow of the topology, as a Markdown table."""
    rows = [f"| {f.source} | {f.target} | {f.port} | {f.why} |" for f in topology.flows]
    return "\n".join(["| from | to | port | what for |", "|---|---|---|---|", *rows])


def _mentions(flows: Sequence[Flow], name: str) -> bool:
    return any(name in (flow.source, flow.target) for flow in flows)


def _arrows(flows: Sequence[Flow], servers: Sequence[str]) -> list[str]:
    labels: dict[tuple[str, str], list[str]] = defaultdict(list)
    for flow in flows:
        source, target = flow.source, flow.target
        if source in servers and _each_server(flows, servers, to=target, port=flow.port):
            source = _SERVERS
        if target in servers and _each_server(flows, servers, source=source, port=flow.port):
            target = _SERVERS
        label = f"{flow.why} {flow.port}"
        if label not in labels[source, target]:
            labels[source, target].append(label)
    return [
        f'    {source} -->|"{"<br/>".join(label)}"| {target}'
        for (source, target), label in labels.items()
    ]


def _each_server(
    flows: Sequence[Flow],
    servers: Sequence[str],
    *,
    port: int,
    source: str | None = None,
    to: str | None = None,
) -> bool:
    """Whether all the servers, and they are several, have this flow with one party."""
    having = {f.source for f in flows if f.target == to and f.port == port} | {
        f.target for f in flows if f.source == source and f.port == port
    }
    return len(servers) > 1 and having >= set(servers)
