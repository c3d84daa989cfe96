"""Compares two property trees and reports each difference at the deepest path that names it."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher, unified_diff
from enum import StrEnum
from typing import Any, cast

from graph.resource_graph import step
from graph.tree import branch, dig

from .documents import documents, names

# What identifies an item of a list, tried in this order (Kubernetes' own merge keys among them).
_IDENTITIES = (
    ("name",),
    ("mountPath",),
    ("containerPort",),
    ("topologyKey",),
    ("metadata", "name"),
    ("refId",),
)


class Difference(StrEnum):
    ADDED = "added"
    REMOVED = "removed"
    CHANGED = "changed"
    REORDERED = "reordered"


@dataclass(frozen=True)
class PropertyChange:
    """One property that differs.

    Attributes:
        path: where, as Pulumi writes it; an item of a list is under its name where the items
            have one: ``spec.template.spec.containers[server].image``.
        old: the value before; None when added.
        new: the value after; None when removed.
    """

    path: str
    difference: Difference
    old: Any = None
    new: Any = None

    @property
    def is_text(self) -> bool:
        """Whether both values read best line by line: rendered files, JSON documents."""
        both = isinstance(self.old, str) and isinstance(self.new, str)
        return both and (len(_lines(self.old)) > 1 or len(_lines(self.new)) > 1)

    def text_diff(self) -> list[str]:
        """The changed lines with three around them, as ``diff -u`` writes them."""
        lines = unified_diff(_lines(self.old), _lines(self.new), lineterm="", n=3)
        return list(lines)[2:]  # without the two lines that name files


def path_pattern(path: str) -> re.Pattern[str]:
    """Matches ``path`` and every path below it; ``[*]`` stands for every item of a list."""
    return re.compile(re.escape(path).replace(r"\[\*\]", r"\[[^\]]*\]") + r"(?=$|[.\[])")


def property_changes(old: Any, new: Any, path: str = "") -> list[PropertyChange]:
    """What differs between two trees; empty exactly when they are equal."""
    return list(_changes(old, new, path))


def _changes(old: Any, new: Any, path: str) -> Iterator[PropertyChange]:
    if _same(old, new):
        return
    if isinstance(old, dict) and isinstance(new, dict):
        yield from _mapping_changes(branch(old), branch(new), path)
    elif isinstance(old, list) and isinstance(new, list):
        yield from _list_changes(cast("list[Any]", old), cast("list[Any]", new), path)
    elif isinstance(old, str) and isinstance(new, str) and (read := documents(old, new)):
        found = list(_changes(*read, path))
        yield from found or [PropertyChange(path, Difference.CHANGED, old, new)]
    else:
        yield PropertyChange(path, Difference.CHANGED, old, new)


def _same(old: Any, new: Any) -> bool:
    """Equality that tells ``True`` from ``1``."""
    return _canonical(old) == _canonical(new)


def _canonical(value: Any) -> str:
    return json.dumps(value, sort_keys=True)


def _mapping_changes(
    old: dict[str, Any], new: dict[str, Any], path: str
) -> Iterator[PropertyChange]:
    for key in sorted(old.keys() | new.keys()):
        at = step(path, key)
        if key not in new:
            yield PropertyChange(at, Difference.REMOVED, old=old[key])
        elif key not in old:
            yield PropertyChange(at, Difference.ADDED, new=new[key])
        else:
            yield from _changes(old[key], new[key], at)


def _list_changes(old: list[Any], new: list[Any], path: str) -> Iterator[PropertyChange]:
    identified = _identified(old, new)
    if identified is None:
        yield from _sequence_changes(old, new, path)
        return
    olds, news = identified
    for name in [*olds, *(name for name in news if name not in olds)]:
        at = f"{path}[{name}]"
        if name not in news:
            yield PropertyChange(at, Difference.REMOVED, old=olds[name])
        elif name not in olds:
            yield PropertyChange(at, Difference.ADDED, new=news[name])
        else:
            yield from _changes(olds[name], news[name], at)
    kept_old = [name for name in olds if name in news]
    kept_new = [name for name in news if name in olds]
    if kept_old != kept_new:
        yield PropertyChange(path, Difference.REORDERED, kept_old, kept_new)


def _identified(
    old: list[Any], new: list[Any]
) -> tuple[dict[str | int, Any], dict[str | int, Any]] | None:
    """Both lists by the identity of their items, or None where the items have none."""
    for keys in _IDENTITIES:
        named = [_by_name(items, [dig(item, *keys) for item in items]) for items in (old, new)]
        if named[0] is not None and named[1] is not None:
            return named[0], named[1]
    for of_old, of_new in names(old, new):
        named = [_by_name(old, of_old), _by_name(new, of_new)]
        if named[0] is not None and named[1] is not None:
            return named[0], named[1]
    return None


def _by_name(items: list[Any], found: Sequence[Any]) -> dict[str | int, Any] | None:
    named = {
        name: item
        for name, item in zip(found, items, strict=True)
        if isinstance(name, str | int) and not isinstance(name, bool)
    }
    return named if len(named) == len(items) else None


def _sequence_changes(old: list[Any], new: list[Any], path: str) -> Iterator[PropertyChange]:
    """Items without identity: those that stay are found by content, the rest pair up in order."""
    matcher = SequenceMatcher(
        None, [_canonical(item) for item in old], [_canonical(item) for item in new], autojunk=False
    )
    for operation, start, end, new_start, new_end in matcher.get_opcodes():
        if operation == "equal":
            continue
        paired = min(end - start, new_end - new_start)
        for offset in range(paired):
            at = step(path, new_start + offset)
            yield from _changes(old[start + offset], new[new_start + offset], at)
        for index in range(start + paired, end):
            yield PropertyChange(step(path, index), Difference.REMOVED, old=old[index])
        for index in range(new_start + paired, new_end):
            yield PropertyChange(step(path, index), Difference.ADDED, new=new[index])


def _lines(text: str) -> list[str]:
    if text[:1] in ("{", "["):
        try:
            return json.dumps(json.loads(text), indent=2).splitlines()
        except ValueError:
            pass
    return text.splitlines()
