"""Computes positions of the nodes and arrows of an architecture, for the SVG in the HTML report."""

from __future__ import annotations

import re
import textwrap
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from ..architecture import Architecture, DrawnFlow, DrawnNode
from ..drawn_flows import OUTSIDE, REFERENCE
from .phrases import DONE, SIGNS

WIDTH, HEIGHT = 152, 56
_GAP_X, _GAP_Y = 46, 14
_PADDING, _TITLE = 14, 26
_TITLE_CHARACTER = 7  # width of a character in the title of a group
_ROWS = 8  # nodes on top of each other before a new column begins
_RANKS = 5  # columns of a long chain before it is folded
_CHARACTERS = 18  # that fit into a node
_LABELLED = 40  # arrows, more of which get no labels


_PORT = re.compile(r"\bport ([0-9]+)")


@dataclass(frozen=True, kw_only=True)
class Box:
    """A node with its position.

    Attributes:
        css: class of its colours.
        sign: of the action, as in the other reports; empty where nothing changes.
        lines: what is written in it, cut to its width.
        full: all of it in words, for a tooltip and for screen readers.
    """

    x: int
    y: int
    css: str
    sign: str
    lines: tuple[str, ...]
    full: str


@dataclass(frozen=True, kw_only=True)
class Frame:
    """The box around a group."""

    x: int
    y: int
    width: int
    height: int
    title: str


@dataclass(frozen=True, kw_only=True)
class Arrow:
    """A connection: an SVG path, a label in its middle, and all of it in words."""

    path: str
    css: str
    label: str
    x: int
    y: int
    full: str


@dataclass(frozen=True, kw_only=True)
class Drawing:
    """What the template draws, in pixels."""

    width: int
    height: int
    frames: tuple[Frame, ...]
    boxes: tuple[Box, ...]
    arrows: tuple[Arrow, ...]


def drawing(found: Architecture) -> Drawing:
    """The positions of everything in ``found``; flows lead from left to right.

    Groups are below each other. Parties outside are at the sides: those that call on the left,
    those that are called on the right.
    """
    inside = [one for one in found.nodes if one.node.group != OUTSIDE]
    keys = {one.node.key for one in inside}
    within = [flow for flow in found.flows if flow.source in keys and flow.target in keys]
    ranks = _ranks([one.node.key for one in inside], within)
    columns, last = _columns(inside, ranks)
    outside = [one.node.key for one in found.nodes if one.node.group == OUTSIDE]
    callers = {flow.source for flow in found.flows} & {*outside}
    left = 2 * _PADDING + (WIDTH + _GAP_X if callers else 0)
    places: dict[str, tuple[int, int]] = {}
    frames: list[Frame] = []
    named = max((_TITLE_CHARACTER * len(title) for title in found.groups.values()), default=0)
    right = left + max(last * (WIDTH + _GAP_X) - _GAP_X, named)
    y = _PADDING
    for group, title in found.groups.items():
        members = [one for one in inside if one.node.group == group]
        if not members:
            continue
        first = {one.node.key: columns[ranks[one.node.key]] for one in members}
        rows = _place(first, within, places, (left, y + _TITLE))
        height = _TITLE + rows * (HEIGHT + _GAP_Y)
        frames.append(
            Frame(x=left - _PADDING, y=y, width=right - left + 2 * _PADDING, height=height,
                  title=title)
        )  # fmt: skip
        y += height + _PADDING
    called = [key for key in outside if key not in callers]
    bottom = max(
        _beside([key for key in outside if key in callers], found.flows, places, 2 * _PADDING),
        _beside(called, found.flows, places, right + _GAP_X),
    )
    titles = {one.node.key: one.node.title for one in found.nodes}
    return Drawing(
        width=right + 2 * _PADDING + (_GAP_X + WIDTH if called else 0),
        height=max(y, bottom + _PADDING),
        frames=tuple(frames),
        boxes=tuple(_box(one, places[one.node.key]) for one in found.nodes),
        arrows=tuple(
            _arrow(flow, places, titles, labelled=len(found.flows) <= _LABELLED)
            for flow in found.flows
            if flow.source in places and flow.target in places
        ),
    )


def _beside(
    keys: Iterable[str],
    flows: Sequence[DrawnFlow],
    places: dict[str, tuple[int, int]],
    x: int,
) -> int:
    """Places parties in a column at ``x``, each near what it is connected with; returns its end."""
    wanted: list[tuple[int, str]] = []
    for key in keys:
        ends = [end for flow in flows if key in (flow.source, flow.target)
                for end in (flow.source, flow.target) if end in places]  # fmt: skip
        heights = [places[end][1] for end in ends]
        wanted.append((sum(heights) // len(heights) if heights else 0, key))
    y = 0
    for height, key in sorted(wanted):
        y = max(y + _GAP_Y, height) if y else max(_PADDING + _TITLE, height)
        places[key] = x, y
        y += HEIGHT
    return y


def _ranks(keys: Sequence[str], flows: Iterable[DrawnFlow]) -> dict[str, int]:
    """The column of each node: after the nodes that lead to it; cycles are cut."""
    after: defaultdict[str, list[str]] = defaultdict(list)
    for flow in flows:
        after[flow.source].append(flow.target)
    ranks = dict.fromkeys(keys, 0)
    done: set[str] = set()
    order: list[str] = []

    def visit(start: str) -> None:
        waiting = [(start, iter(after[start]))]
        done.add(start)
        while waiting:
            key, rest = waiting[-1]
            following = next((one for one in rest if one not in done), None)
            if following is None:
                order.append(key)
                waiting.pop()
            else:
                done.add(following)
                waiting.append((following, iter(after[following])))

    incoming = {flow for targets in after.values() for flow in targets}
    for key in sorted(keys, key=lambda one: (one in incoming, one)):
        if key not in done:
            visit(key)
    position = {key: index for index, key in enumerate(reversed(order))}
    for key in reversed(order):
        for target in after[key]:
            if position.get(target, -1) > position[key]:
                ranks[target] = max(ranks[target], min(ranks[key] + 1, _RANKS - 1))
    return ranks


def _columns(nodes: Sequence[DrawnNode], ranks: Mapping[str, int]) -> tuple[dict[int, int], int]:
    """The first column of each rank, of which one with many nodes takes several; and their sum."""
    most: defaultdict[int, int] = defaultdict(int)
    counts: defaultdict[tuple[str, int], int] = defaultdict(int)
    for one in nodes:
        at = one.node.group, ranks[one.node.key]
        counts[at] += 1
        most[at[1]] = max(most[at[1]], -(-counts[at] // _ROWS))
    first, columns = 0, dict[int, int]()
    for rank in range(_RANKS):
        columns[rank] = first
        first += most[rank]
    return columns, first


def _place(
    columns: Mapping[str, int],
    flows: Sequence[DrawnFlow],
    places: dict[str, tuple[int, int]],
    corner: tuple[int, int],
) -> int:
    """Adds the position of each node of a group to ``places``; returns the number of rows.

    Args:
        columns: the first column of each node's rank.
    """
    by_column: defaultdict[int, list[str]] = defaultdict(list)
    for key, column in columns.items():
        by_column[column].append(key)
    rows = 1
    for first, found in sorted(by_column.items()):
        ordered = sorted(found, key=lambda key: (_height(key, flows, places), key))
        for index, key in enumerate(ordered):
            column, row = first + index // _ROWS, index % _ROWS
            rows = max(rows, row + 1)
            x = corner[0] + column * (WIDTH + _GAP_X)
            places[key] = x, corner[1] + row * (HEIGHT + _GAP_Y)
    return rows


def _height(key: str, flows: Sequence[DrawnFlow], places: Mapping[str, tuple[int, int]]) -> float:
    """The mean height of the nodes that lead to ``key``, so that few arrows cross."""
    found = [
        places[flow.source][1] for flow in flows if flow.target == key and flow.source in places
    ]
    return sum(found) / len(found) if found else 0


def _box(drawn: DrawnNode, place: tuple[int, int]) -> Box:
    node = drawn.node
    counts = ", ".join(f"{count} {DONE[action]}" for action, count in drawn.changes.items())
    size = f"{drawn.total} resources" if drawn.total != 1 else "1 resource"
    sign = SIGNS[drawn.action] if drawn.action else ""
    changed = f"{counts} of {drawn.total}" if counts and drawn.total > 1 else counts
    lines = [f"{sign} {node.title}".strip(), node.kind, changed or (size if drawn.total else "")]
    full = ", ".join(part for part in (node.title, node.kind, size, counts) if part)
    if node.group == OUTSIDE:
        full = f"{node.title}, outside of the stack"
        lines = textwrap.wrap(node.title, _CHARACTERS)[:3]
    css = str(drawn.action or ("outside" if node.group == OUTSIDE else "same"))
    return Box(
        x=place[0],
        y=place[1],
        css=css,
        sign=sign,
        lines=tuple(_cut(line) for line in lines if line),
        full=full if drawn.action is None else f"{full}: {DONE[drawn.action]}",
    )


def _arrow(
    flow: DrawnFlow,
    places: Mapping[str, tuple[int, int]],
    titles: Mapping[str, str],
    *,
    labelled: bool,
) -> Arrow:
    (x1, y1), (x2, y2) = places[flow.source], places[flow.target]
    y1, y2 = y1 + HEIGHT // 2, y2 + HEIGHT // 2
    if x2 > x1:
        start, end = x1 + WIDTH, x2 - 6
        bend = max(30, (end - start) // 2)
        path = f"M{start} {y1}C{start + bend} {y1} {end - bend} {y2} {end} {y2}"
        x = (start + end) // 2
    else:
        start, end = x1 + WIDTH, x2 + WIDTH + 6
        bend = max(start, end) + 46
        path = f"M{start} {y1}C{bend} {y1} {bend} {y2} {end} {y2}"
        x = bend - 14
    words = [f"{SIGNS[action]} {label}" if action else label for label, action in flow.labels]
    named = [
        f"{SIGNS[action]} {_brief(text)}" if action else _brief(text)
        for text, action in flow.labels
        if action or (labelled and text != REFERENCE)
    ]
    label = ", ".join(dict.fromkeys(named))
    return Arrow(
        path=path,
        css=str(flow.action or "same"),
        label=_cut(label),
        x=x,
        y=(y1 + y2) // 2 - 4,
        full=f"{titles[flow.source]} to {titles[flow.target]}: {', '.join(words)}",
    )


def _brief(label: str) -> str:
    """A label that fits between two nodes: of an entry point only its port."""
    found = _PORT.search(label)
    return found[1] if found else label


def _cut(text: str) -> str:
    return text if len(text) <= _CHARACTERS else f"{text[: _CHARACTERS - 1]}…"
