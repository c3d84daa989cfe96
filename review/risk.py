"""Finds the risks of a change: a table of rules, each a pure function."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from policies.finding import Finding
from policies.unchecked import UNCHECKED

from .diff import Change, Diff
from .risks.access import loosened_roles
from .risks.alerts import (
    changed_receivers,
    changed_recorded_series,
    weakened_alarms,
    weakened_alerts,
)
from .risks.capacity import raised_capacity
from .risks.classes import RiskClass
from .risks.cluster import another_cluster
from .risks.controllers import needed_controllers
from .risks.exposure import new_exposure
from .risks.network import loosened_policies
from .risks.pods import loosened_namespaces, loosened_pods
from .risks.references import changed_secret_references
from .risks.single_copies import single_copies
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
    (RiskClass.ALERTS, weakened_alerts),
    (RiskClass.ALERTS, changed_recorded_series),
    (RiskClass.ALERTS, changed_receivers),
    (RiskClass.ALERTS, weakened_alarms),
    (RiskClass.SINGLE, single_copies),
    (RiskClass.CONTROLLER, needed_controllers),
    (RiskClass.CAPACITY, raised_capacity),
)


@dataclass(frozen=True)
class Risk:
    """One risk of one change, or of a resource that breaks a rule.

    Attributes:
        what: the finding in words, with the values that it rests on.
        finding: the rule that the resource breaks; None for a risk of a change.
    """

    risk: RiskClass
    urn: str
    what: str
    finding: Finding | None = None


def risks(diff: Diff, findings: Iterable[Finding] = ()) -> tuple[Risk, ...]:
    """All risks of a change and of broken rules, the most serious class first, then by URN."""
    found = {
        Risk(risk, change.resource.urn, what)
        for change in diff.changes
        for risk, rule in RULES
        for what in rule(change, diff)
    }
    order = list(RiskClass)
    ordered = sorted(found, key=lambda one: (order.index(one.risk), one.urn, one.what))
    broken = broken_rules(findings)
    return tuple(sorted([*ordered, *broken], key=lambda one: order.index(one.risk)))


def broken_rules(findings: Iterable[Finding]) -> list[Risk]:
    """The risks of resources that break rules, the most serious class first."""
    order = list(RiskClass)
    broken = [
        Risk(_class_of(finding), finding.urn, _sentence(finding), finding) for finding in findings
    ]
    return sorted(broken, key=lambda one: order.index(one.risk))


def _class_of(finding: Finding) -> RiskClass:
    if finding.waiver is not None:
        return RiskClass.WAIVED
    if finding.refused:
        return RiskClass.REFUSED
    return RiskClass.UNCHECKED if finding.rule == UNCHECKED.id else RiskClass.POLICY


def _sentence(finding: Finding) -> str:
    problem = finding.problem
    if finding.waiver is not None:
        return f"{finding.label}: {problem.path} {problem.what}; waived: {finding.waiver}"
    return f"{finding.label}: {problem.path} {problem.what}; {problem.consequence}; {problem.fix}"
