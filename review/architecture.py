"""The architecture of a stack: nodes, the flows between them, and the action on each."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass

from graph.resource_graph import ResourceGraph

from .diff import Action, Change, Diff
from .drawn_flows import OUTSIDE, Flow, flows
from .drawn_nodes import Node, Placement, placed

_GRAVITY = (Action.DELETE, Action.REPLACE, Action.CHANGE, Action.MOVE, Action.ADD)


@dataclass(frozen=True, kw_only=True)
class DrawnNode:
    """A node with the action of a change on it.

    Attributes:
        total: how many resources it stands for.
        changes: how many of them each action happens to.
        action: what happens to the node as a whole; None where nothing changes.
    """

    node: Node
    total: int
    changes: Mapping[Action, int]
    action: Action | None


@dataclass(frozen=True, kw_only=True)
class DrawnFlow:
    """All flows from one node to another.

    Attributes:
        labels: ports or words, each with what happens to it; None where it stays.
    """

    source: str
    target: str
    labels: tuple[tuple[str, Action | None], ...]

    @property
    def action(self) -> Action | None:
        """What happens to the arrow."""
        found = {action for _, action in self.labels}
        return found.pop() if len(found) == 1 else Action.CHANGE


@dataclass(frozen=True, kw_only=True)
class Architecture:
    """The nodes, flows and groups of a drawing.

    Attributes:
        groups: title by id, in the order of drawing: clouds, namespaces, outside.
    """

    groups: Mapping[str, str]
    nodes: tuple[DrawnNode, ...]
    flows: tuple[DrawnFlow, ...]


def architecture(graph: ResourceGraph) -> Architecture:
    """The architecture of one stack, without changes."""
    nodes = placed(graph)
    arrows = flows(graph, nodes)
    return _drawn(nodes, nodes, arrows, arrows, ())


def changed_architecture(diff: Diff) -> Architecture:
    """Both sides of a change in one drawing: what is deleted is in it too."""
    old, new = placed(diff.before), placed(diff.after)
    now, former = flows(diff.after, new), flows(diff.before, old)
    return _drawn(new, old, now, former, diff.changes)


def _drawn(
    new: Placement,
    old: Placement,
    now: set[Flow],
    former: set[Flow],
    changes: Sequence[Change],
) -> Architecture:
    renamed = _renamed(changes, old, new)
    was = {
        Flow(renamed.get(one.source, one.source), renamed.get(one.target, one.target), one.label)
        for one in former
    }
    kept = {key: node for key, node in old.nodes.items() if key not in renamed}
    known = kept.keys() | set(renamed.values())
    changed: defaultdict[str, list[Change]] = defaultdict(list)
    for change in changes:
        side = new if change.after else old
        if key := side.node_of.get(change.resource.urn):
            changed[key].append(change)
    totals, before = Counter(new.node_of.values()), Counter(old.node_of.values())
    drawn = [
        _drawn_node(node, totals[key] or before[key], changed[key], known, new)
        for key, node in {**kept, **new.nodes}.items()
    ]
    arrows = tuple(_arrows(now, was))
    ends = {end for arrow in arrows for end in (arrow.source, arrow.target)}
    outside = [_outside(end) for end in sorted(ends) if end.startswith(OUTSIDE)]
    groups = dict(sorted({**old.groups, **new.groups}.items()))
    return Architecture(
        groups={**groups, OUTSIDE: "Outside"} if outside else groups,
        nodes=(*sorted(drawn, key=lambda one: one.node.key), *outside),
        flows=arrows,
    )


def _outside(key: str) -> DrawnNode:
    node = Node(key=key, group=OUTSIDE, title=key.removeprefix(OUTSIDE), kind="")
    return DrawnNode(node=node, total=0, changes={}, action=None)


def _renamed(changes: Sequence[Change], old: Placement, new: Placement) -> dict[str, str]:
    """The keys of nodes whose resource has another name now, with their new keys."""
    found: dict[str, str] = {}
    for change in changes:
        if change.before and change.after:
            was, now = old.node_of.get(change.before.urn), new.node_of.get(change.after.urn)
            if was and now and was not in new.nodes and now not in old.nodes:
                found[was] = now
    return found


def _drawn_node(
    node: Node,
    total: int,
    changes: list[Change],
    known: Collection[str],
    new: Placement,
) -> DrawnNode:
    counted = Counter(change.action for change in changes)
    return DrawnNode(
        node=node,
        total=total,
        changes={action: counted[action] for action in _GRAVITY if counted[action]},
        action=_action(node, changes, known, new),
    )


def _action(
    node: Node, changes: list[Change], known: Collection[str], new: Placement
) -> Action | None:
    if node.key not in known:
        return Action.ADD
    if node.key not in new.nodes:
        return Action.DELETE
    main = [change.action for change in changes if change.resource.urn in node.main]
    if Action.REPLACE in main:
        return Action.REPLACE
    if not changes:
        return None
    moved = all(change.action is Action.MOVE for change in changes)
    return Action.MOVE if moved else Action.CHANGE


def _arrows(now: set[Flow], former: set[Flow]) -> Iterator[DrawnFlow]:
    labels: defaultdict[tuple[str, str], list[tuple[str, Action | None]]] = defaultdict(list)
    for flow in sorted(now | former):
        action = None
        if flow not in former:
            action = Action.ADD
        elif flow not in now:
            action = Action.DELETE
        labels[flow.source, flow.target].append((flow.label, action))
    for (source, target), found in labels.items():
        yield DrawnFlow(source=source, target=target, labels=tuple(found))
