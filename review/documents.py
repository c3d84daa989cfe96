"""Reads documents in texts whose parts a report names: rules of Prometheus, and dashboards."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Container, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, cast

from graph.tree import dig

LAYOUT: Final = "layout"
"""Key for where the panels of a dashboard are. One panel more moves those that are below it."""
_TITLES: Final = (("title",), ("properties", "title"), ("widget", "title"))
"""Where a panel of Grafana, of CloudWatch and of Cloud Monitoring has its title."""


@dataclass(frozen=True)
class _Dashboard:
    """The form of a dashboard: where its panels are, and which of their keys place them."""

    panels: tuple[str, ...]
    places: tuple[str, ...]


_DASHBOARDS: Final = (
    _Dashboard(("panels",), ("gridPos", "id")),
    _Dashboard(("widgets",), ("x", "y", "width", "height")),
    _Dashboard(("mosaicLayout", "tiles"), ("xPos", "yPos", "width", "height")),
)


def documents(old: str, new: str) -> tuple[Any, Any] | None:
    """Both texts as trees, if they are rule files or dashboards of one form; else None.

    The places of a dashboard's panels are in one text under ``LAYOUT``.
    """
    before, after = _read(old), _read(new)
    if before is None or after is None:
        return None
    if _is_rules(before) and _is_rules(after):
        return before, after
    for form in _DASHBOARDS:
        split = _split(before, form), _split(after, form)
        if split[0] and split[1]:
            return split
    return None


def names(old: Sequence[Any], new: Sequence[Any]) -> Iterator[tuple[list[Any], list[Any]]]:
    """Names of the items of two lists, as of rules and as of panels; None where an item has none.

    A name that several items of one list have is longer in both: a rule's by its labels, a panel's
    by the title of its row.
    """
    for name, longer in ((_rule_name, _rule_names), (_title, _panel_titles)):
        plain = [[name(item) for item in items] for items in (old, new)]
        several = {one for each in plain for one, count in Counter(each).items() if count > 1}
        yield list(longer(old, plain[0], several)), list(longer(new, plain[1], several))


def _rule_names(
    items: Sequence[Any], plain: Sequence[str | None], several: Container[str | None]
) -> Iterator[str | None]:
    for name, item in zip(plain, items, strict=True):
        labels = dig(item, "labels") if name in several else None
        if name and isinstance(labels, dict) and labels:
            listed = sorted(cast("dict[str, Any]", labels).items())
            yield f"{name}{{{', '.join(f'{key}={value}' for key, value in listed)}}}"
        else:
            yield name


def _panel_titles(
    items: Sequence[Any], plain: Sequence[str | None], several: Container[str | None]
) -> Iterator[str | None]:
    row = ""
    for title, item in zip(plain, items, strict=True):
        if title and dig(item, "type") == "row":
            row = title
        yield f"{row}: {title}" if title in several and row and row != title else title


def _rule_name(item: Any) -> str | None:
    found = [one for key in ("alert", "record") if isinstance(one := dig(item, key), str)]
    return found[0] if len(found) == 1 and dig(item, "expr") is not None else None


def _title(item: Any) -> str | None:
    found = (dig(item, *path) for path in _TITLES)
    return next((one for one in found if isinstance(one, str) and one), None)


def _read(text: str) -> Mapping[str, Any] | None:
    if text[:1] == "{":
        try:
            found: Any = json.loads(text)
        except ValueError:
            return None
    elif "groups:" in text:
        found = _yaml(text)
    else:
        return None
    return cast("Mapping[str, Any]", found) if isinstance(found, dict) else None


def _yaml(text: str) -> Any:
    """A YAML document with each value as text; None if it is none, or refers to parts of itself."""
    import yaml

    try:
        events = cast("Iterator[Any]", yaml.parse(text, yaml.CBaseLoader))  # pyright: ignore[reportUnknownMemberType]
        if any(isinstance(one, yaml.AliasEvent) for one in events):
            return None  # it could be of any size
        return yaml.load(text, yaml.CBaseLoader)  # noqa: S506  (it makes texts alone)
    except yaml.YAMLError:
        return None


def _is_rules(document: Mapping[str, Any]) -> bool:
    groups = document.get("groups")
    return isinstance(groups, list) and all(
        isinstance(dig(group, "rules"), list) for group in cast("list[Any]", groups)
    )


def _split(document: Mapping[str, Any], form: _Dashboard) -> dict[str, Any] | None:
    """The dashboard, with the places of its panels apart; None if it has another form."""
    panels: Any = dig(document, *form.panels)
    if not isinstance(panels, list) or LAYOUT in document:
        return None
    items = cast("list[Any]", panels)
    if not all(isinstance(item, dict) for item in items):
        return None
    titles = [_title(item) for item in items]
    places = [
        f"{title}: {json.dumps({key: item[key] for key in form.places if key in item})}"
        for title, item in zip(_panel_titles(items, titles, titles), items, strict=True)
    ]
    kept = [{key: item[key] for key in item if key not in form.places} for item in items]
    return _with(document, form.panels, kept) | {LAYOUT: "\n".join([*places, ""])}


def _with(tree: Mapping[str, Any], path: Sequence[str], value: Any) -> dict[str, Any]:
    key, *rest = path
    return {**tree, key: _with(tree[key], rest, value) if rest else value}
