"""Rules for resources of any type."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from graph.duplicates import same_objects
from graph.resource_graph import ResourceGraph

from ...finding import Severity
from ...rule import Check, CloudRules, Hit, Rule, hit
from ..properties import SDK_RULES, properties_match_the_sdk
from ..settings import NAMES, names_are_accepted
from . import dangers

_SAME_OBJECT: Final = Rule(
    id="any-object-001",
    severity=Severity.CRITICAL,
    reference="https://kubernetes.io/docs/concepts/overview/working-with-objects/names/",
    refuses="two resources that are the same Kubernetes object",
    fix="give one of them another metadata.name or namespace",
)


def _same_objects(graph: ResourceGraph) -> Iterator[Hit]:
    for problem in same_objects(graph):
        yield hit(problem, problem.path, _SAME_OBJECT.id)


RULES: Final = CloudRules(
    checks=(
        Check(rules=(_SAME_OBJECT,), find=_same_objects),
        Check(rules=SDK_RULES, find=properties_match_the_sdk),
        Check(rules=(NAMES,), find=names_are_accepted),
        *dangers.CHECKS,
    ),
)
"""All rules for resources of any type."""
