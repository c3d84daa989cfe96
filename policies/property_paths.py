"""The values of properties that a path of a rule matches."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, cast

from graph.resource_graph import UNKNOWN
from graph.tree import dig


def values(tree: Any, path: str) -> Iterator[tuple[str, Any]]:
    """Each path that ``path`` matches, with its value; None where there is none."""
    head, _, rest = path.partition(".")
    name, each, _ = head.partition("[*]")
    inside = dig(tree, name)
    if not each:
        found: list[tuple[str, Any]] = [(name, inside)]
    elif isinstance(inside, list):
        items = cast("list[Any]", inside)
        found = [(f"{name}[{index}]", item) for index, item in enumerate(items)]
    else:
        found = [(name, inside)] if inside is None or inside == UNKNOWN else []
    for place, value in found:
        if not rest or value is None or value == UNKNOWN:
            yield place if not rest else f"{place}.{rest}", value
            continue
        for deeper, inner in values(value, rest):
            yield f"{place}.{deeper}", inner
