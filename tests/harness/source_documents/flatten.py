"""Flattens a Kubernetes object to a path for each value, independent of the order of lists."""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final, cast

import yaml

_PLAIN: Final = re.compile(r"[A-Za-z0-9_-]+")
_FILE: Final = re.compile(r"\[[^]]*\.(toml|yaml|yml|json)\]$")
_PARSERS: Final[Mapping[str, Callable[[str], Any]]] = {
    "toml": tomllib.loads,
    "yaml": lambda text: yaml.load(text, yaml.BaseLoader),
    "yml": lambda text: yaml.load(text, yaml.BaseLoader),
    "json": json.loads,
}
_NAMES: Final = ("mountPath", "name", "alert", "job_name", "title", "uses", "AttributeName")
"""Keys that identify an item of a list; the first that it has."""


def flatten(tree: Any) -> dict[str, Any]:
    """Path to value: ``spec.template.spec.containers[mcp-core].ports[metrics].containerPort``.

    A list item is identified by its name, mount path, metric or peer, else by its index. Items with
    the same identifier are merged; where they differ, the second value has the path ``path (2)``.
    The text of a TOML, YAML or JSON file is parsed and flattened too; any other text of several
    lines has a path for each line with a word that is not in a comment.
    """
    found: dict[str, Any] = {}
    for path, value in _leaves(tree, ""):
        place, number = path, 1
        while place in found and found[place] != value:
            number += 1
            place = f"{path} ({number})"
        found[place] = value
    return found


def _leaves(tree: Any, path: str) -> Iterator[tuple[str, Any]]:
    match tree:
        case dict() if tree:
            for key, value in cast("dict[str, Any]", tree).items():
                yield from _leaves(value, _step(path, key))
        case list() if tree:
            items = cast("list[Any]", tree)
            names = [_name(item) for item in items]
            for place, (item, name) in enumerate(zip(items, names, strict=True)):
                yield from _leaves(item, f"{path}[{place if name is None else name}]")
        case str() if (file := _FILE.search(path)) and (parsed := _parsed(file[1], tree)):
            yield from _leaves(parsed, path)
        case str() if tree.startswith(('{"', '[{"')) and (parsed := _parsed("json", tree)):
            yield from _leaves(parsed, path)
        case str() if "\n" in tree.strip():
            stripped = (line.strip() for line in tree.splitlines())
            lines = [line for line in stripped if re.match(r"[^#]*\w", line)]
            for number, line in enumerate(lines, start=1):
                yield f"{path} line {number}", line
        case _:
            yield path, tree


def _parsed(kind: str, text: str) -> object:
    """The content of a file, or None: then it counts as lines."""
    try:
        parsed: object = _PARSERS[kind](text)
    except (ValueError, yaml.YAMLError):
        return None
    return None if isinstance(parsed, str) else parsed


def _step(path: str, key: str) -> str:
    if not _PLAIN.fullmatch(key):
        return f"{path}[{key}]"
    return f"{path}.{key}" if path else key


def _name(item: Any) -> str | None:
    match item:
        case str():
            return None if "\n" in item else item
        case dict() if named := [
            name for key in _NAMES if isinstance(name := cast("dict[str, Any]", item).get(key), str)
        ]:
            return named[0]
        case (
            {"resource": {"name": str(name)}}
            | {"pods": {"metric": {"name": str(name)}}}
            | {"object": {"metric": {"name": str(name)}}}
            | {"podSelector": {"matchLabels": {"app": str(name)}}}
            | {"from": [{"podSelector": {"matchLabels": {"app": str(name)}}}]}
        ):
            return name
        case {
            "to": [{"podSelector": {"matchLabels": {"app": str(name)}}}],
            "ports": [{"port": port}],
        }:
            return f"{name}:{port}"
        case {"type": str(name)}:
            return name
        case _:
            return None
