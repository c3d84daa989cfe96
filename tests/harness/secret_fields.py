"""The fields of a stack file that name Secrets, as its schema says."""

from __future__ import annotations

import json
from collections.abc import Iterator
from functools import cache
from typing import Any, Final, cast

from components.base.forms import SECRET_NAME
from stacks.config.server_forms import SECRET_KEY

from .containers import ROOT

FORMS: Final = (SECRET_NAME.pattern, SECRET_KEY.pattern)
EACH: Final = "*"
"""The step of a path to any member of a mapping or a list."""
Field = tuple[str, ...]


@cache
def secret_fields() -> dict[Field, Any]:
    """The path of each such field, with its default; a path begins with a section."""
    schema = json.loads((ROOT / "schema/stack.json").read_text())
    every = schema["properties"]["config"]["properties"]
    return {
        (key.partition(":")[2], *path): default
        for key, node in every.items()
        for path, default in _fields(node, schema["$defs"], ())
    }


def _fields(node: Any, types: Any, seen: tuple[str, ...]) -> Iterator[tuple[Field, Any]]:
    """The paths below a node, with their defaults: that of the nearest node that states one."""
    stated = node.get("default")
    if node.get("pattern") in FORMS:
        yield (), stated
    for step, member in _members(node, types, seen):
        own = () if step is None else (step,)
        for path, default in _fields(*member):
            values = [default, *values_at(stated, (*own, *path))]
            yield (*own, *path), next((one for one in values if one is not None), None)


def _members(node: Any, types: Any, seen: tuple[str, ...]) -> Iterator[tuple[str | None, Any]]:
    """What a node refers to, and its members by their step."""
    name = node.get("$ref", "").rpartition("/")[2]
    if name and name not in seen:
        yield None, (types[name], types, (*seen, name))
    for one in (*node.get("anyOf", ()), *node.get("allOf", ())):
        yield None, (one, types, seen)
    for step, member in node.get("properties", {}).items():
        yield step, (member, types, seen)
    for members in (node.get("additionalProperties"), node.get("items")):
        if isinstance(members, dict):
            yield EACH, (members, types, seen)


def values_at(tree: Any, path: Field) -> list[Any]:
    """The values of a field in the sections of a stack; empty if none sets it."""
    if path == ():
        return [] if tree is None else [tree]
    step, *rest = path
    if isinstance(tree, list) and step == EACH:
        members = cast("list[Any]", tree)
    elif isinstance(tree, dict):
        fields = cast("dict[str, Any]", tree)
        members = list(fields.values()) if step == EACH else [fields.get(step)]
    else:
        return []
    return [value for member in members for value in values_at(member, tuple(rest))]


def with_value(tree: Any, path: Field, value: Any) -> Any:
    """The tree with the value in place of what is at the path."""
    if path == ():
        return value
    step, *rest = path
    if isinstance(tree, list):
        members = cast("list[Any]", tree)
        return [with_value(member, tuple(rest), value) for member in members]
    fields = cast("dict[str, Any]", tree)
    names = list(fields) if step == EACH else [step]
    return fields | {name: with_value(fields.get(name, {}), tuple(rest), value) for name in names}
