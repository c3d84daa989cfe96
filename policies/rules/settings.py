"""Required settings of cloud resources, and names that their clouds accept."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from components.base.problems import Problem
from components.clouds import name_rule
from graph.resource_graph import SECRET, UNKNOWN, ResourceGraph

from ..rule import Required, at, values


def required_settings_hold(graph: ResourceGraph, rows: Iterable[Required]) -> Iterator[Problem]:
    """Each required property has an allowed value."""
    for row in rows:
        for resource in graph.all(row.on):
            for path, value in values(resource.inputs, row.path):
                if not row.accepts(value):
                    what = "is missing" if value is None else f"is {value!r}"
                    yield at(resource, path, what, row.consequence, row.fix)


def names_are_accepted(graph: ResourceGraph) -> Iterator[Problem]:
    """The cloud accepts each physical name."""
    for resource in graph.resources:
        rule = name_rule(resource.type)
        name = resource.inputs.get(rule.key) if rule else None
        if rule and isinstance(name, str) and name not in (UNKNOWN, SECRET):
            problem = rule.problem(f"{resource.name}.{rule.key}", name)
            yield from [problem] if problem else []
