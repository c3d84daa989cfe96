"""Previews as one HTML file: no script, no network, every value escaped."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from hashlib import sha256
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from components.base.visible_text import visible
from graph.resource_graph import ResourceGraph
from policies import every_rule
from policies.finding import Finding

from ..architecture import architecture, changed_architecture
from ..diff import Action, Change, Diff
from ..preview import Comparison
from ..properties import Difference, PropertyChange
from ..replacement import URN
from .contents import Contents, of_change, of_stack
from .drawing import HEIGHT, WIDTH, Drawing, drawing
from .phrases import DONE, GRAVITY, SIGNS, block, by_class, place, short
from .summaries import fact, headline

if TYPE_CHECKING:
    import jinja2

FOLDER = Path(__file__).parent / "templates"
_LINES = 400  # of one value; more are counted
_OPEN = 60  # changes of one action, more of which are shown on demand


@dataclass(frozen=True, kw_only=True)
class Lines:
    """A value over several lines, each with the class of its colour, and how many are cut."""

    shown: tuple[tuple[str, str], ...]
    cut: int


@dataclass(frozen=True, kw_only=True)
class PropertyView:
    """One property of a change: on one line, or as lines."""

    path: str
    replaces: bool
    words: str = ""
    old: str | None = None
    new: str | None = None
    lines: Lines | None = None


@dataclass(frozen=True, kw_only=True)
class ChangeView:
    """One change as the template shows it."""

    anchor: str
    title: str
    about: str
    holder: str
    was: str
    properties: tuple[PropertyView, ...]
    lines: Lines | None


def inventory(
    graph: ResourceGraph, findings: Iterable[Finding] = (), *, rules_page: str = ""
) -> str:
    """What a stack is."""
    found = of_stack(graph, findings)
    resources = [(headline(one), fact(one), one.protect) for one in found.resources]
    return _page(found, drawing(architecture(graph)), rules_page, resources=resources)


def comparison(found: Comparison, *, rules_page: str = "") -> str:
    """What a change does.

    Args:
        rules_page: address of docs/policies.md, for links from the ids of rules.
    """
    contents = of_change(found)
    anchors = {change.resource.urn: f"c{n}" for n, change in enumerate(contents.changes, 1)}
    groups = [
        (
            action,
            [
                _change(change, found.diff, anchors)
                for change in contents.changes
                if change.action is action
            ],
        )
        for action in GRAVITY
    ]
    drawn = drawing(changed_architecture(found.diff))
    return _page(contents, drawn, rules_page, [one for one in groups if one[1]], anchors)


def _page(
    contents: Contents,
    drawn: Drawing,
    rules_page: str,
    groups: Sequence[tuple[Action, list[ChangeView]]] = (),
    anchors: Mapping[str, str] = MappingProxyType({}),
    *,
    resources: Sequence[tuple[str, str, bool]] = (),
) -> str:
    risks = [
        (
            str(name),
            [(one, anchors.get(one.urn)) for one in contents.risks if one.risk == name],
        )
        for name in by_class(contents.risks)
    ]
    known = every_rule()
    broken = {one.finding.rule for one in contents.risks if one.finding}
    return rendered(
        "preview.html.j2",
        contents=contents,
        counts=[(action, len(found)) for action, found in groups],
        groups=groups,
        risks=risks,
        rules=[known[rule] for rule in sorted(broken & known.keys())],
        rules_page=rules_page,
        anchors=anchors,
        resources=resources,
        drawing=drawn,
        node_width=WIDTH,
        node_height=HEIGHT,
        open_limit=_OPEN,
        SIGNS=SIGNS,
        DONE=DONE,
        outputs=[_property(output, ()) for output in contents.outputs],
        values=[(name, short(value), _lines(block(value), "")) for name, value in contents.values],
    )


def rendered(template: str, **values: Any) -> str:
    """A page from a template, with the style of all pages and its digest for the policy."""
    from markupsafe import Markup

    style = (FOLDER / "preview.css").read_text(encoding="utf-8")
    digest = b64encode(sha256(style.encode()).digest()).decode()
    page = _environment().get_template(template)
    return page.render(style=Markup(style), style_digest=digest, **values)  # noqa: S704  (our file)


def _change(change: Change, diff: Diff, anchors: dict[str, str]) -> ChangeView:
    resource = change.resource
    whole = change.action in (Action.ADD, Action.DELETE) and bool(resource.inputs)
    css = "plus" if change.action is Action.ADD else "minus"
    moved = change.moved_from and URN not in change.replacing
    return ChangeView(
        anchor=anchors[resource.urn],
        title=headline(resource),
        about=fact(resource) if change.action is Action.ADD else "",
        holder=place(change, diff),
        was=change.moved_from or "" if moved else "",
        properties=tuple(_property(found, change.replacing) for found in change.properties),
        lines=_lines(block(resource.inputs), css) if whole else None,
    )


def _property(found: PropertyChange, replacing: tuple[str, ...]) -> PropertyView:
    replaces = found.path in replacing
    if found.is_text:
        lines = _lines(found.text_diff())
        return PropertyView(path=found.path, replaces=replaces, lines=lines)
    old = None if found.old is None else short(found.old)
    new = None if found.new is None else short(found.new)
    several = (found.old is not None and old is None) or (found.new is not None and new is None)
    if several:
        signed = [f"-{line}" for line in block(found.old)] if found.old is not None else []
        signed += [f"+{line}" for line in block(found.new)] if found.new is not None else []
        return PropertyView(path=found.path, replaces=replaces, lines=_lines(signed))
    words = {
        Difference.ADDED: "added",
        Difference.REMOVED: "removed",
        Difference.CHANGED: "",
        Difference.REORDERED: "order",
    }[found.difference]
    return PropertyView(path=found.path, replaces=replaces, words=words, old=old, new=new)


def _lines(written: Iterable[str], css: str | None = None) -> Lines:
    listed = list(written)
    classes = {"+": "plus", "-": "minus", "@": "place"}
    shown = ((classes.get(line[:1], "") if css is None else css, line) for line in listed[:_LINES])
    return Lines(shown=tuple(shown), cut=max(0, len(listed) - _LINES))


def _visible(value: Any) -> Any:
    """A value as the page shows it: its characters cannot change the direction of a line."""
    return visible(value) if isinstance(value, str) else value


@cache
def _environment() -> jinja2.Environment:
    import jinja2

    return jinja2.Environment(
        loader=jinja2.FileSystemLoader(FOLDER),
        autoescape=True,
        finalize=_visible,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
