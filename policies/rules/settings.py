"""Required settings of cloud resources, and names that their clouds accept."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import Final

from components.clouds import name_rule
from graph.resource_graph import SECRET, UNKNOWN, ResourceGraph

from ..finding import Severity
from ..property_paths import values
from ..rule import Hit, Required, Rule, at, hit


def required_settings_hold(graph: ResourceGraph, rows: Iterable[Required]) -> Iterator[Hit]:
    """Each required property has an allowed value."""
    for row in rows:
        for resource in graph.all(row.on):
            if row.unless and resource.inputs.get(row.unless) is not None:
                continue
            for path, value in values(resource.inputs, row.path):
                if not row.accepts(value):
                    what = "is missing" if value is None else f"is {value!r}"
                    found = at(resource, path, what, row.consequence, row.fix, row.id)
                    yield replace(found, house=value is None and row.safe_default)


NAMES: Final = Rule(
    id="any-name-001",
    severity=Severity.HIGH,
    reference="https://www.pulumi.com/docs/iac/concepts/resources/names/",
    refuses="a physical name that the cloud refuses",
    fix="write the name that the finding proposes, or leave it to the component",
)


def names_are_accepted(graph: ResourceGraph) -> Iterator[Hit]:
    """The cloud accepts each physical name."""
    for resource in graph.resources:
        rule = name_rule(resource.type)
        name = resource.inputs.get(rule.key) if rule else None
        if rule and isinstance(name, str) and name not in (UNKNOWN, SECRET):
            problem = rule.problem(f"{resource.name}.{rule.key}", name)
            if problem:
                yield hit(problem, resource.urn, NAMES.id)
