"""The tables of broken graphs: one change of a sound graph each, and the refusal it must meet."""

from __future__ import annotations

import copy
import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from graph.resource_graph import ResourceGraph
from tests.harness.tables import read_table

_STEP = re.compile(r"([^.\[\]]+)|\[(\d+)\]")


@dataclass(frozen=True, kw_only=True)
class Broken:
    """One line of a table.

    Attributes:
        resource: logical name of the resource that is changed.
        path: its property; dots lead inside, ``[0]`` to an item of a list. None: the resource is
            taken out.
        value: what is put there; None takes the property away.
        at: path of a refusal.
        fix: a part of what it says to do.
    """

    resource: str
    path: str | None
    value: Any
    at: str
    fix: str

    def of(self, graph: ResourceGraph) -> ResourceGraph:
        """The graph with the mistake in it."""
        (target,) = [one for one in graph.resources if one.custom and one.name == self.resource]
        if self.path is None:
            left = tuple(one for one in graph.resources if one is not target)
            return replace(graph, resources=left)
        inputs = copy.deepcopy(target.inputs)
        _put(inputs, self.path, self.value)
        changed = replace(target, inputs=inputs)
        rest = tuple(one for one in graph.resources if one is not target)
        return replace(graph, resources=(*rest, changed))


def _put(tree: Any, path: str, value: Any) -> None:
    steps = [int(index) if index else key for key, index in _STEP.findall(path)]
    for step in steps[:-1]:
        tree = tree[step]
    if value is None:
        del tree[steps[-1]]
    else:
        tree[steps[-1]] = value


def table(name: str) -> Iterator[Any]:
    """The lines of a file beside this one, as parameters of a test."""
    for number, line in enumerate(read_table(Path(__file__).parent / name), 1):
        broken = Broken(
            resource=line["resource"],
            path=line.get("path"),
            value=line.get("value"),
            at=line["at"],
            fix=line["fix"],
        )
        yield pytest.param(broken, id=f"{number}-{broken.at}")
