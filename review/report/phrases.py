"""Words and values that the terminal and the Markdown report share."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable
from typing import Any

from graph.kubernetes import kind
from graph.manifests import to_yaml
from graph.resource_graph import STACK_TYPE, Resource, ResourceGraph
from graph.tree import branch, mappings

from ..diff import Action, Change, Diff
from ..risk import Risk
from ..risks.capacity import peak
from ..risks.classes import RiskClass
from .summaries import component_name

DONE = {
    Action.ADD: "added",
    Action.CHANGE: "changed",
    Action.REPLACE: "replaced",
    Action.MOVE: "moved",
    Action.DELETE: "deleted",
}
SIGNS = {
    Action.ADD: "+",
    Action.CHANGE: "~",
    Action.REPLACE: "±",
    Action.MOVE: "»",
    Action.DELETE: "-",
}
# Order of the reports: the most serious action first.
GRAVITY = (Action.DELETE, Action.REPLACE, Action.CHANGE, Action.MOVE, Action.ADD)


def summary(diff: Diff) -> str:
    """``2 added, 1 changed, 40 unchanged``; actions that happen to nothing are left out."""
    counts = [f"{count} {DONE[action]}" for action, count in diff.counts().items() if count]
    return ", ".join([*(counts or ["nothing changes"]), f"{diff.unchanged} unchanged"])


def kinds(graph: ResourceGraph) -> dict[str, int]:
    """How many there are of each kind, the most first."""
    counted = Counter(kind_of(one) for one in graph.resources if one.type != STACK_TYPE)
    return dict(sorted(counted.items(), key=lambda item: (-item[1], item[0])))


def kind_of(resource: Resource) -> str:
    return kind(resource) or resource.type.rpartition(":")[2]


def place(change: Change, diff: Diff) -> str:
    """The components that hold the changed resource, outermost first; empty at the top."""
    graph = diff.before if change.after is None else diff.after
    names: list[str] = []
    holder = graph.find(change.resource.parent)
    while holder is not None and holder.type != STACK_TYPE:
        names.append(component_name(holder))
        holder = graph.find(holder.parent)
    return " / ".join(reversed(names))


def by_class(risks: Iterable[Risk]) -> dict[RiskClass, list[str]]:
    """The findings of each class that has any, the most serious class first."""
    found: dict[RiskClass, list[str]] = {}
    for risk in risks:
        found.setdefault(risk.risk, []).append(risk.what)
    return found


def asked_at_peak(graph: ResourceGraph) -> str:
    """``12 pods, CPU 4, memory 6Gi``: what is asked for with every scaler at its top."""
    written = peak(graph).written()
    counted = ("pods", "load balancers")
    named = [
        f"{amount} {name.removesuffix('s') if amount == '1' else name}"
        if name in counted
        else f"{name} {amount}"
        for name, amount in written.items()
        if amount != "0"
    ]
    return ", ".join(named) or "nothing"


def peak_changes(diff: Diff) -> list[str]:
    """The amounts whose peak differs, as ``CPU 1 → 2``."""
    old, new = peak(diff.before).written(), peak(diff.after).written()
    return [f"{name} {old[name]} → {new[name]}" for name in old if old[name] != new[name]]


def short(value: Any) -> str | None:
    """A value on one line; None where it needs several."""
    if isinstance(value, str):
        return None if "\n" in value else value or '""'
    if isinstance(value, dict | list):
        line = json.dumps(value, ensure_ascii=False)
        return line if len(line) <= 60 else None
    return json.dumps(value)


def block(value: Any) -> list[str]:
    """A value as the lines of a YAML document, or of the text that it is."""
    if isinstance(value, str):
        return value.splitlines()
    return to_yaml(value).splitlines()


def whole(inputs: dict[str, Any]) -> list[str]:
    """The properties of an added or deleted resource, with one line for a Grafana dashboard.

    The dashboards of a platform are thousands of lines of JSON. The JSON form of a report has
    them.
    """
    data = branch(inputs, "data")
    short = {name: said for name, text in data.items() if (said := _dashboard(text))}
    return block(inputs | {"data": data | short} if short else inputs)


def _dashboard(text: Any) -> str:
    """What a text is, if it is Grafana's JSON of a dashboard; empty if it is not."""
    if not isinstance(text, str) or not text.startswith("{") or '"panels"' not in text:
        return ""
    try:
        read = branch(json.loads(text))
    except ValueError:
        return ""
    if "title" not in read or not isinstance(read.get("panels"), list):
        return ""
    panels = [one for one in mappings(read, "panels") if one.get("type") != "row"]
    lines = len(text.splitlines())
    return f"dashboard {read['title']!r} with {len(panels)} panels, {lines} lines of JSON"
