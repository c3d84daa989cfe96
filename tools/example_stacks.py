"""The stacks of examples/topologies: what each registers, and a diagram of what it allows."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Final, cast

from components.kubernetes.party import Flow
from graph.recorder import record
from graph.resource_graph import ResourceGraph
from graph.stack_yaml import read_stack_file
from stacks.program import main
from stacks.topologies import TOPOLOGIES

FOLDER: Final = Path(__file__).resolve().parents[1] / "examples/topologies"
STACK_FILES: Final[Mapping[str, Path]] = {
    file.name.split(".")[1]: file for file in sorted(FOLDER.glob("*/Pulumi.*.yaml"))
}
"""The stack files by the name of their stack."""
DNS_PORTS: Final = frozenset({53, 5353})
SHAPES: Final = {
    "Deployment": ("[", "]"),
    "StatefulSet": ("[(", ")]"),
    "Job": ("[/", "/]"),
}
"""The kinds of workloads with the brackets of their shape in Mermaid."""


def sections(name: str) -> dict[str, Any]:
    """The sections of the stack file of ``name``."""
    stated = read_stack_file(STACK_FILES[name])
    return {key.removeprefix("qudag-mcp:"): value for key, value in stated.items()}


@cache
def recorded(name: str) -> ResourceGraph:
    """What the stack ``name`` registers."""
    config = {k: v if isinstance(v, str) else json.dumps(v) for k, v in sections(name).items()}
    return record(main, stack=name, config=config)


@dataclass(frozen=True, order=True)
class Arrow:
    """A connection that the policies allow, from and to nodes of the diagram."""

    source: str
    target: str
    port: int
    protocol: str


def example_diagram(name: str) -> str:
    """The workloads of a stack, and an arrow for each connection that its policies allow."""
    made = recorded(name)
    flows = TOPOLOGIES[sections(name)["topology"]].flows
    workloads = _workloads(made)
    outside: dict[str, str] = {}
    arrows = sorted(set(_arrows(made, workloads, flows, outside)))
    lines = [
        "flowchart LR",
        *(f'    {node}(["{label}"])' for node, label in sorted(outside.items())),
        *_namespaces(workloads),
        *_drawn(arrows, flows),
    ]
    return "```mermaid\n" + "\n".join(lines) + "\n```"


def _workloads(made: ResourceGraph) -> dict[str, tuple[str, str, str]]:
    """Namespace, kind and number of pods of each workload, by the label ``app`` of its pods."""
    scaled = {
        one["spec"]["scaleTargetRef"]["name"]: one["spec"]
        for one in _objects(made, "HorizontalPodAutoscaler")
    }
    found: dict[str, tuple[str, str, str]] = {}
    for kind in SHAPES:
        for one in sorted(_objects(made, kind), key=lambda one: one["metadata"]["name"]):
            app = one["spec"]["template"]["metadata"]["labels"]["app"]
            spec = scaled.get(one["metadata"]["name"])
            pods = str(one["spec"].get("replicas", 1))
            if spec:
                pods = f"{spec['minReplicas']} to {spec['maxReplicas']}"
            found[app] = (one["metadata"]["namespace"], kind, pods)
    return found


def _objects(made: ResourceGraph, kind: str) -> list[dict[str, Any]]:
    return [one.inputs for one in made.resources if one.inputs.get("kind") == kind]


def _arrows(
    made: ResourceGraph,
    workloads: Mapping[str, tuple[str, str, str]],
    flows: Sequence[Flow],
    outside: dict[str, str],
) -> Iterator[Arrow]:
    """What policies allow: between workloads at both ends, with others at the workload's end.

    The nodes of others are added to ``outside`` with their labels.
    """
    sides: dict[str, set[Arrow]] = {"ingress": set(), "egress": set()}
    for policy in _objects(made, "NetworkPolicy"):
        app = policy["spec"]["podSelector"].get("matchLabels", {}).get("app")
        for side, peers in (("ingress", "from"), ("egress", "to")):
            for rule in policy["spec"].get(side, []):
                assert app, f"{policy['metadata']['name']} lets connections through for all pods"
                for port in rule["ports"]:
                    for node, label in _nodes(rule.get(peers, []), app, side, port, flows):
                        if node not in workloads:
                            outside[node] = label
                        ends = (node, app) if side == "ingress" else (app, node)
                        sides[side].add(Arrow(*ends, port["port"], port["protocol"]))
    for arrow in sides["ingress"] | sides["egress"]:
        inside = {arrow.source, arrow.target} <= workloads.keys()
        if not inside or arrow in sides["ingress"] & sides["egress"]:
            yield arrow


def _nodes(
    peers: Sequence[Mapping[str, Any]],
    app: str,
    side: str,
    port: Mapping[str, Any],
    flows: Sequence[Flow],
) -> Iterator[tuple[str, str]]:
    """The nodes of a rule's peers, with labels for those that are no workloads of the platform."""
    if port["port"] in DNS_PORTS:
        yield "dns", "DNS of the cluster"
        return
    addresses = [peer["ipBlock"]["cidr"] for peer in peers if "ipBlock" in peer]
    if addresses or not peers:
        name = _party(app, side, port["port"], flows)
        yield name, "<br/>".join([name, *(addresses or ["every address"])])
    for peer in peers:
        labels = peer.get("podSelector", {}).get("matchLabels", {})
        if "namespaceSelector" in peer:
            [namespace] = peer["namespaceSelector"]["matchLabels"].values()
            name = labels.get("app") or _party(app, side, port["port"], flows)
            yield name, f"{name}<br/>{namespace}"
        elif "podSelector" in peer:
            yield cast("str", labels["app"]), ""


def _party(app: str, side: str, port: int, flows: Sequence[Flow]) -> str:
    """The party outside with which the flows connect ``app``."""
    ends = [(f.source, f.target) if side == "ingress" else (f.target, f.source) for f in flows]
    named = [
        other
        for (other, own), flow in zip(ends, flows, strict=True)
        if own == app and flow.port == port
    ]
    return named[0] if named else "outside"


def _namespaces(workloads: Mapping[str, tuple[str, str, str]]) -> Iterator[str]:
    by_namespace: defaultdict[str, list[str]] = defaultdict(list)
    for name, (namespace, kind, pods) in workloads.items():
        first, last = SHAPES[kind]
        number = "" if kind == "Job" else f", {pods} {'pod' if pods == '1' else 'pods'}"
        by_namespace[namespace].append(f'        {name}{first}"{name}<br/>{kind}{number}"{last}')
    for namespace, nodes in by_namespace.items():
        yield from (f"    subgraph {namespace}", *nodes, "    end")


def _drawn(arrows: Sequence[Arrow], flows: Sequence[Flow]) -> Iterator[str]:
    """An arrow for each pair, with what it is for, its ports, and protocols other than TCP."""
    whys = {(flow.source, flow.target, flow.port): flow.why for flow in flows}
    protocols: defaultdict[tuple[str, str, int], list[str]] = defaultdict(list)
    for arrow in arrows:
        protocols[arrow.source, arrow.target, arrow.port].append(arrow.protocol)
    labels: defaultdict[tuple[str, str], list[str]] = defaultdict(list)
    for (source, target, port), used in protocols.items():
        over = "" if used == ["TCP"] else " " + "+".join(used)
        why = whys.get((source, target, port), "")
        labels[source, target].append(f"{why} {port}{over}".strip())
    for (source, target), texts in labels.items():
        yield f'    {source} -->|"{"<br/>".join(texts)}"| {target}'
