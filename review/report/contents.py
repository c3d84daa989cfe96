"""The content of a report in its order, which every form renders."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any, cast

from graph.resource_graph import STACK_TYPE, UNKNOWN, Notice, Resource, ResourceGraph, step
from policies.finding import Finding

from ..costs import CostChange, cost_changes
from ..diff import Change
from ..preview import Comparison
from ..properties import PropertyChange
from ..risk import Risk, broken_rules
from .phrases import GRAVITY, asked_at_peak, kinds, peak_changes, summary
from .summaries import headline


@dataclass(frozen=True, kw_only=True)
class UnknownValues:
    """Values of one resource that only the deployment knows."""

    resource: str
    paths: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class Contents:
    """The content of a report on a stack, or on a change of it.

    Attributes:
        base, commit: what it was compared with; empty for a stack by itself.
        changes: the most serious action first.
        peak: what is asked for at peak, or how that changes.
        unknown: of the resources that change, or of all.
        kinds: how many resources there are of each kind.
    """

    project: str
    stack: str
    base: str = ""
    commit: str = ""
    summary: str
    risks: tuple[Risk, ...] = ()
    costs: tuple[CostChange, ...] = ()
    peak: str
    changes: tuple[Change, ...] = ()
    outputs: tuple[PropertyChange, ...] = ()
    values: tuple[tuple[str, Any], ...] = ()
    notices: tuple[Notice, ...] = ()
    unknown: tuple[UnknownValues, ...] = ()
    kinds: tuple[tuple[str, int], ...] = ()
    resources: tuple[Resource, ...] = ()


def of_stack(graph: ResourceGraph, findings: Iterable[Finding] = ()) -> Contents:
    """What a stack is."""
    resources = tuple(one for one in graph.resources if one.type != STACK_TYPE)
    return Contents(
        project=graph.project,
        stack=graph.stack,
        summary=f"{len(resources)} resources",
        risks=tuple(broken_rules(findings)),
        peak=asked_at_peak(graph),
        values=tuple(graph.outputs.items()),
        notices=graph.notices,
        unknown=tuple(_unknown(resources)),
        kinds=tuple(kinds(graph).items()),
        resources=tuple(one for one in resources if one.custom),
    )


def of_change(found: Comparison) -> Contents:
    """What a change does."""
    diff = found.diff
    changed = [change.after for change in diff.changes if change.after]
    return Contents(
        project=diff.after.project,
        stack=diff.after.stack,
        base=found.base,
        commit=found.commit,
        summary=summary(diff),
        risks=found.risks,
        costs=cost_changes(diff),
        peak=", ".join(peak_changes(diff)),
        changes=tuple(sorted(diff.changes, key=lambda change: GRAVITY.index(change.action))),
        outputs=diff.outputs,
        notices=diff.after.notices,
        unknown=tuple(_unknown(changed)),
    )


def _unknown(resources: Iterable[Resource]) -> Iterator[UnknownValues]:
    for resource in resources:
        if paths := tuple(_unknown_paths(resource.inputs, "")):
            yield UnknownValues(resource=headline(resource), paths=paths)


def _unknown_paths(tree: Any, path: str) -> Iterator[str]:
    if tree == UNKNOWN:
        yield path
    elif isinstance(tree, dict):
        for key, value in cast("dict[str, Any]", tree).items():
            yield from _unknown_paths(value, step(path, key))
    elif isinstance(tree, list):
        for index, value in enumerate(cast("list[Any]", tree)):
            yield from _unknown_paths(value, step(path, index))
