"""Finds types of resources that no rule was written for, so that a report lists them."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from typing import Final

from components.clouds import resource_type
from components.kubernetes.harmless_kinds import HARMLESS
from graph.resource_graph import Resource, ResourceGraph

from .finding import Severity
from .rule import Hit, Rule
from .rules import RULES

UNCHECKED: Final = Rule(
    id="any-type-001",
    severity=Severity.LOW,
    reference="https://csrc.nist.gov/glossary/term/fail_safe",
    refuses="a type of resources that no rule was written for; only the rules for any type look "
    "at its properties",
    fix="look at its properties, and accept the type in `policy-waivers.yaml` with a reason",
)
_GENERAL: Final = "any"
"""The module of the rules that look at every type."""

_OF_PULUMI: Final = "pulumi:"


@cache
def _known() -> frozenset[str]:
    listed = (rules.types() for module, rules in RULES.items() if module != _GENERAL)
    return frozenset[str]().union(*listed)


def is_known(token: str) -> bool:
    """Whether a rule was written for the type, or a component's facts say that it needs none."""
    if token in _known() or token in HARMLESS or token.startswith(_OF_PULUMI):
        return True
    row = resource_type(token)
    return row is not None and row.harmless is not None


def unchecked_types(graph: ResourceGraph) -> Iterator[Hit]:
    """One finding for each type that no rule was written for, at its first resource."""
    found: dict[str, list[Resource]] = {}
    for resource in graph.resources:
        if resource.custom and not is_known(resource.type):
            found.setdefault(resource.type, []).append(resource)
    for token, resources in found.items():
        count = len(resources)
        yield Hit(
            path=token,
            what=f"is a type that no rule was written for ({count} "
            f"{'resource' if count == 1 else 'resources'})",
            consequence="only the rules for any type look for dangers in it",
            fix=UNCHECKED.fix,
            urn=resources[0].urn,
            rule=UNCHECKED.id,
        )
