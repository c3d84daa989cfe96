"""Previews on a terminal: a tree of components, or what a change does to them."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator
from itertools import groupby
from typing import Any

from rich.console import Console, ConsoleOptions, Group, RenderableType
from rich.segment import Segment
from rich.text import Text
from rich.tree import Tree

from components.base.visible_text import visible
from graph.resource_graph import STACK_TYPE, Resource, ResourceGraph
from policies.finding import Finding

from ..diff import Action, Change
from ..preview import Comparison
from ..properties import Difference, PropertyChange
from ..replacement import URN
from ..risk import Risk, broken_rules
from .contents import Contents, of_change
from .phrases import (
    DONE,
    SIGNS,
    asked_at_peak,
    block,
    by_class,
    kind_of,
    kinds,
    place,
    short,
    summary,
    whole,
)
from .summaries import fact, headline

_MANY = 3  # more siblings of one kind than this are grouped under one heading
_COLOURS = {
    Action.ADD: "green",
    Action.CHANGE: "yellow",
    Action.REPLACE: "bold red",
    Action.MOVE: "cyan",
    Action.DELETE: "red",
}
_LINE_COLOURS = {"+": "green", "-": "red", "@": "cyan"}


def console() -> Console:
    """Standard output; lines are broken only where a terminal is too narrow for them."""
    return Plain(width=None if sys.stdout.isatty() else 100_000, highlight=False)


class Plain(Console):
    """A console on which a name or a value of the program cannot control the terminal."""

    def render(
        self, renderable: RenderableType, options: ConsoleOptions | None = None
    ) -> Iterable[Segment]:
        """As ``Console.render``, with a visible sign in place of each control character."""
        for part in super().render(renderable, options):
            yield part if part.control else Segment(visible(part.text), part.style)


def inventory(graph: ResourceGraph, findings: Iterable[Finding] = ()) -> RenderableType:
    """What a stack is: components with their resources, counts and outputs."""
    root = Tree(Text(f"{graph.project} / {graph.stack}", style="bold"))
    tops = [resource for resource in graph.resources if resource.type == STACK_TYPE]
    for top in tops:
        _grow(root, top.urn, graph)
    counted = ", ".join(f"{count} {name}" for name, count in kinds(graph).items())
    total = len(graph.resources) - len(tops)
    return Group(
        root,
        Text(),
        Text(f"{total} resources: {counted}"),
        Text(f"asked for at peak: {asked_at_peak(graph)}"),
        *_risks(broken_rules(findings)),
        *_notices(graph),
        *_outputs(graph.outputs),
    )


def _grow(tree: Tree, urn: str, graph: ResourceGraph) -> None:
    children = sorted(graph.children(urn), key=lambda one: (one.custom, kind_of(one), one.name))
    for kind, siblings in groupby(children, key=kind_of):
        same = list(siblings)
        grouped = len(same) > _MANY and same[0].custom
        branch = tree.add(Text(f"{len(same)} {kind}")) if grouped else tree
        for resource in same:
            _grow(branch.add(_line(resource)), resource.urn, graph)


def _line(resource: Resource) -> Text:
    text = Text(headline(resource), style="" if resource.custom else "bold")
    if about := fact(resource):
        text.append(f"  {about}", style="dim")
    if resource.protect:
        text.append("  protected", style="cyan")
    return text


def _outputs(outputs: dict[str, Any]) -> Iterator[Text]:
    if outputs:
        yield Text()
        yield Text("outputs", style="bold")
    for name, value in outputs.items():
        line = short(value)
        yield Text(f"  {name}: {line if line is not None else f'{len(value)} entries'}")


def _notices(graph: ResourceGraph) -> Iterator[Text]:
    if graph.notices:
        yield Text()
        yield Text("not part of this preview", style="bold yellow")
    for notice in graph.notices:
        yield Text(f"  {notice.subject}: {notice.what}")


def comparison(found: Comparison) -> RenderableType:
    """What a change does: risks first, then every resource with every property."""
    changes = found.diff.changes
    header = f"{found.diff.after.stack} since {found.base} ({found.commit[:12]})"
    parts: list[RenderableType] = [
        Text(header, style="bold"),
        Text(summary(found.diff)),
    ]
    contents = of_change(found)
    parts += _risks(contents.risks)
    parts += _notices(found.diff.after)
    parts += _unknown(contents)
    parts += _costs(contents)
    for holder, held in groupby(
        sorted(changes, key=lambda change: place(change, found.diff)),
        key=lambda change: place(change, found.diff),
    ):
        parts += [Text(), Text(holder or "at the top", style="bold")]
        parts += [line for change in held for line in _change(change)]
    if found.diff.outputs:
        parts += [Text(), Text("outputs", style="bold")]
        parts += [line for output in found.diff.outputs for line in _property(output, ())]
    return Group(*parts)


def _risks(risks: Iterable[Risk]) -> Iterator[Text]:
    for name, findings in by_class(risks).items():
        yield from (Text(), Text(str(name), style="bold red"))
        yield from (Text(f"  {finding}") for finding in findings)


def _costs(contents: Contents) -> Iterator[Text]:
    if contents.costs:
        yield from (Text(), Text("costs", style="bold"))
    for one in contents.costs:
        yield Text(f"  {one.resource}: {one.what} ({one.trend})")
    if contents.peak:
        yield from (Text(), Text(f"asked for at peak: {contents.peak}"))


def _unknown(contents: Contents) -> Iterator[Text]:
    if contents.unknown:
        yield from (Text(), Text("known only after the deployment", style="bold yellow"))
    for one in contents.unknown:
        yield Text(f"  {one.resource}: {', '.join(one.paths)}")


def _change(change: Change) -> Iterator[Text]:
    text = Text(f"  {SIGNS[change.action]} ", style=_COLOURS[change.action])
    text.append(f"{headline(change.resource)} {DONE[change.action]}")
    if change.action is Action.ADD and (about := fact(change.resource)):
        text.append(f"  {about}", style="dim")
    yield text
    if change.moved_from and URN not in change.replacing:
        yield Text(f"      was {change.moved_from}", style="dim")
    if change.action in (Action.ADD, Action.DELETE):
        sign = SIGNS[change.action]
        for line in whole(change.resource.inputs) if change.resource.inputs else ():
            yield Text(f"        {sign} {line}", style=_LINE_COLOURS[sign])
    for found in change.properties:
        yield from _property(found, change.replacing)


def _property(found: PropertyChange, replacing: tuple[str, ...]) -> Iterator[Text]:
    forces = "  (replaces)" if found.path in replacing else ""
    if found.is_text:
        yield Text(f"      {found.path}:{forces}")
        for line in found.text_diff():
            yield Text(f"        {line}", style=_LINE_COLOURS.get(line[:1], "dim"))
        return
    old, new = short(found.old), short(found.new)
    match found.difference:
        case Difference.ADDED if new is not None:
            yield Text(f"      {found.path}: + {new}{forces}")
        case Difference.REMOVED if old is not None:
            yield Text(f"      {found.path}: - {old}{forces}")
        case Difference.CHANGED | Difference.REORDERED if old is not None and new is not None:
            order = "order " if found.difference is Difference.REORDERED else ""
            yield Text(f"      {found.path}: {order}{old} → {new}{forces}")
        case _:
            yield Text(f"      {found.path}:{forces}")
            for sign, value in (("-", found.old), ("+", found.new)):
                for line in block(value) if value is not None else ():
                    yield Text(f"        {sign} {line}", style=_LINE_COLOURS[sign])
