"""Applies the rules to secret values, and keeps those values out of the findings."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import replace
from itertools import zip_longest
from typing import Any, Final, cast

from graph.resource_graph import SECRET, Resource, ResourceGraph, step

from .rule import Hit, Rule

_STEP: Final = re.compile(r'([^.\[\]]+)|\[(\d+)\]|\[("(?:[^"\\]|\\.)*")\]')
"""A step of a property path, as ``resource_graph.step`` writes it."""

_SO: Final = "the provider gets the value all the same: a secret value can be as dangerous as any"


def with_secret_values(graph: ResourceGraph) -> ResourceGraph:
    """The graph with the values of its secrets: for rules only."""
    if not graph.unmasked:
        return graph
    return replace(
        graph, resources=tuple(_with_values(each, graph.unmasked) for each in graph.resources)
    )


def _with_values(resource: Resource, unmasked: Mapping[str, Resource]) -> Resource:
    given = unmasked.get(resource.urn)
    if given is None:
        return resource
    return replace(
        resource,
        inputs=_filled(resource.inputs, given.inputs),
        outputs=_filled(resource.outputs, given.outputs),
    )


def _filled(shown: Any, given: Any) -> Any:
    """The shown value with what is given in place of each secret."""
    if shown == SECRET:
        return SECRET if given is None else given
    if isinstance(shown, dict) and isinstance(given, dict):
        fields, values = cast("dict[str, Any]", shown), cast("dict[str, Any]", given)
        return {key: _filled(one, values.get(key)) for key, one in fields.items()}
    if isinstance(shown, list) and isinstance(given, list):
        items, others = cast("list[Any]", shown), cast("list[Any]", given)
        return [_filled(one, other) for one, other in zip_longest(items, others[: len(items)])]
    return cast("Any", shown)


def is_marked(hit: Hit, graph: ResourceGraph, rule: Rule) -> bool:
    """Whether the rule refuses only secrets in clear, and what it found is marked as secret."""
    return rule.in_clear and _shown_path(hit.path, graph.by_urn(hit.urn))[1]


def masked(hit: Hit, graph: ResourceGraph, rule: Rule) -> Hit:
    """A hit with the texts of its rule, and the path as far as it leads through the graph.

    Args:
        hit: one that the rules find in the graph only with the values of its secrets: its texts
            can contain them.
        graph: without those values.
    """
    resource = graph.by_urn(hit.urn)
    return replace(
        hit,
        path=_shown_path(hit.path, resource)[0],
        what=f"has or depends on a secret value, which is not shown; the rule refuses "
        f"{rule.refuses} ({resource.type})",
        consequence=_SO,
        fix=rule.fix,
    )


def _shown_path(path: str, resource: Resource) -> tuple[str, bool]:
    """The part of a hit's path that the masked inputs have, and whether it leads into a secret."""
    start = f"{resource.name}."
    if not path.startswith(start):
        return resource.name, False
    shown, tree = "", cast("Any", resource.inputs)
    for name, index, quoted in _STEP.findall(path.removeprefix(start)):
        key = int(index) if index else json.loads(quoted) if quoted else name
        if not _has(tree, key):
            break
        tree, shown = tree[key], step(shown, key)
    return f"{resource.name}.{shown}" if shown else resource.name, shown in resource.secret_inputs


def _has(tree: Any, key: str | int) -> bool:
    if isinstance(key, int):
        return isinstance(tree, list) and key < len(cast("list[Any]", tree))
    return isinstance(tree, Mapping) and key in tree
