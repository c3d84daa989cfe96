"""Finds the risks of a change: a table of rules, each a pure function."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from .diff import Change, Diff
from .risks.access import loosened_roles
from .risks.capacity import raised_capacity
from .risks.classes import RiskClass
from .risks.cluster import another_cluster
from .risks.controllers import needed_controllers
from .risks.exposure import new_exposure
from .risks.network import loosened_policies
from .risks.pods import loosened_namespaces, loosened_pods
from .risks.references import changed_secret_references
from .risks.stateful import lost_state, unguarded_state, unknown_type

Rule = Callable[[Change, Diff], Iterable[str]]

RULES: tuple[tuple[RiskClass, Rule], ...] = (
    (RiskClass.CLUSTER, another_cluster),
    (RiskClass.STATEFUL, lost_state),
    (RiskClass.STATEFUL, unguarded_state),
    (RiskClass.STATEFUL, unknown_type),
    (RiskClass.LOOSENS, loosened_policies),
    (RiskClass.LOOSENS, loosened_roles),
    (RiskClass.LOOSENS, loosened_pods),
    (RiskClass.LOOSENS, loosened_namespaces),
    (RiskClass.EXPOSES, new_exposure),
    (RiskClass.SECRETS, changed_secret_references),
    (RiskClass.CONTROLLER, needed_controllers),
    (RiskClass.CAPACITY, raised_capacity),
)


@dataclass(frozen=True)
class Risk:
    """One risk of one change.

    Attributes:
        what: the finding in words, with the values that it rests on.
    """

    risk: RiskClass
    urn: str
    what: str


def risks(diff: Diff) -> tuple[Risk, ...]:
    """Every finding of every rule, the most serious class first, then by URN."""
    found = {
        Risk(risk, change.resource.urn, what)
        for change in diff.changes
        for risk, rule in RULES
        for what in rule(change, diff)
    }
    order = list(RiskClass)
    return tuple(sorted(found, key=lambda one: (order.index(one.risk), one.urn, one.what)))
