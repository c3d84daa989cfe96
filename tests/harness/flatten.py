"""Flattens a Kubernetes object to a path for each value, independent of the order of lists."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator
from typing import Any, cast

_PLAIN = re.compile(r"[A-Za-z0-9_-]+")


def flatten(tree: Any) -> dict[str, Any]:
    """Path to value: ``spec.template.spec.containers[mcp-core].ports[metrics].containerPort``.

    A list item is identified by its name, mount path, metric or peer, else by its index. Items with
    the same identifier are merged. TOML text is parsed and flattened too.
    """
    return dict(_leaves(tree, ""))


def _leaves(tree: Any, path: str) -> Iterator[tuple[str, Any]]:
    match tree:
        case dict() if tree:
            for key, value in cast("dict[str, Any]", tree).items():
                yield from _leaves(value, _step(path, key))
        case list() if tree:
            for place, item in enumerate(cast("list[Any]", tree)):
                name = _name(item)
                yield from _leaves(item, f"{path}[{place if name is None else name}]")
        case str() if path.startswith("data[") and path.endswith(".toml]"):
            yield from _leaves(tomllib.loads(tree), path)
        case _:
            yield path, tree


def _step(path: str, key: str) -> str:
    if not _PLAIN.fullmatch(key):
        return f"{path}[{key}]"
    return f"{path}.{key}" if path else key


def _name(item: Any) -> str | None:
    match item:
        case str():
            return item
        case (
            {"mountPath": str(name)}
            | {"name": str(name)}
            | {"resource": {"name": str(name)}}
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
