"""Typed reading of property trees, in which any key may be absent."""

from __future__ import annotations

from typing import Any, cast


def dig(tree: Any, *keys: str) -> Any:
    """The value under ``keys``; None where a key is absent."""
    for key in keys:
        tree = branch(tree).get(key)
    return tree


def branch(tree: Any, *keys: str) -> dict[str, Any]:
    """The mapping under ``keys``; empty where there is none."""
    found = dig(tree, *keys) if keys else tree
    return cast("dict[str, Any]", found) if isinstance(found, dict) else {}


def entries(tree: Any, *keys: str) -> list[Any]:
    """The list under ``keys``; empty where there is none."""
    found = dig(tree, *keys) if keys else tree
    return cast("list[Any]", found) if isinstance(found, list) else []


def mappings(tree: Any, *keys: str) -> list[dict[str, Any]]:
    """The mappings of the list under ``keys``, without items that are secret or not known."""
    return [item for item in entries(tree, *keys) if isinstance(item, dict)]
