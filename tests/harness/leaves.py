"""Every value of a Kubernetes object under a path that does not depend on the order of lists."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator
from typing import Any, cast

_PLAIN = re.compile(r"[A-Za-z0-9_-]+")


def leaves(tree: Any) -> dict[str, Any]:
    """Path to value: ``spec.template.spec.containers[mcp-core].ports[metrics].containerPort``.

    A list's items are called by what tells them apart (a name, a mount path, a metric, a peer),
    else by their place; TOML text is read as the tree that it is. Items of one name are one.
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
