"""A property of another type than a rule expects raises no error."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from itertools import islice
from typing import Any, cast

import pytest

from graph.resource_graph import SECRET, UNKNOWN
from policies import findings
from tests.policies.corpus import cases, graph_of, set_at, settings

ODD: list[Any] = [
    *(UNKNOWN, SECRET, 5, 1.5, True, "x", "", '{"Statement": 5}', '[{"Effect": []}]', "["),
    *([], {}, [1], [[]], {"a": 1}, [UNKNOWN], [{"a": [None]}], {"": {"": ""}}),
]


def paths(tree: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    pairs: Any = []
    if isinstance(tree, dict):
        pairs = cast("dict[str, Any]", tree).items()
    elif isinstance(tree, list):
        pairs = enumerate(cast("list[Any]", tree))
    for key, value in pairs:
        yield (*path, key)
        yield from paths(value, (*path, key))


def malformed(every: int) -> Iterator[list[dict[str, Any]]]:
    """Each graph with each of its properties replaced by each odd value, one in ``every``."""
    graphs = [case.resources for folder in ("dangerous", "harmless") for case in cases(folder)]
    graphs += [
        ({"type": token, "inputs": set_at(path, value)},) for _, token, path, value, _ in settings()
    ]
    replaced = (
        (resources, number, path, odd)
        for resources in graphs
        for number, resource in enumerate(resources)
        for path in paths(resource["inputs"])
        for odd in ODD
    )
    for resources, number, path, odd in islice(replaced, 0, None, every):
        changed = copy.deepcopy(list(resources))
        inside: Any = changed[number]["inputs"]
        for key in path[:-1]:
            inside = inside[key]
        inside[path[-1]] = odd
        yield changed


def test_a_sample_of_malformed_values_raises_no_error():
    for resources in malformed(every=61):
        findings(graph_of(*resources))


@pytest.mark.slow
def test_no_malformed_value_raises_an_error():
    for resources in malformed(every=1):
        findings(graph_of(*resources))
