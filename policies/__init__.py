"""Applies every rule to a graph."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import cache
from typing import Final

from components.base.problems import Problem
from graph.resource_graph import ResourceGraph

from .finding import Finding, Severity
from .rule import CloudRules, Hit, Rule
from .rules import RULES
from .rules.any.dangers import DANGERS
from .rules.references import companions_exist, references_exist
from .rules.settings import required_settings_hold
from .rules.timeouts import hosts_outlive_the_tool
from .secret_values import is_marked, masked, with_secret_values
from .type_names import with_one_spelling
from .unchecked import UNCHECKED, unchecked_types
from .waivers import Waivers

__all__ = ["Finding", "Severity", "Waivers", "broken_policies", "every_rule", "findings"]

_ORDER: Final = [*Severity]
_OURS: Final = "qudag-mcp:"
"""How the types of our own components begin."""


@cache
def every_rule() -> dict[str, Rule]:
    """All rules by id, in the order of their ids; of rows that share an id the first."""
    found: dict[str, Rule] = {}
    for rules in RULES.values():
        for rule in rules.rules():
            found.setdefault(rule.id, rule)
    found[UNCHECKED.id] = UNCHECKED
    return dict(sorted(found.items()))


def findings(
    graph: ResourceGraph, waivers: Waivers | None = None, *, own: bool = False
) -> list[Finding]:
    """Every finding of every rule, the most serious first, then by URN and rule.

    Args:
        waivers: what ``policy-waivers.yaml`` waives; such findings have the reason.
        own: whether it is a stack of this checkout, in which house rules apply to every resource;
            elsewhere they apply only to resources that our components create.

    Raises:
        ProblemReport: waivers that match nothing.
    """
    rules = every_rule()
    named = with_one_spelling(graph)
    ours = None if own else _made_by_us(named)

    def applied(each: ResourceGraph) -> Iterator[Hit]:
        for hit in _hits(each):
            if ours is None or hit.urn in ours or not (hit.house or rules[hit.rule].house):
                yield hit

    hits = [*applied(with_secret_values(named))]
    open_hits = {*applied(named)} if named.unmasked and hits else {*hits}
    kept = [hit for hit in hits if hit in open_hits or not is_marked(hit, named, rules[hit.rule])]
    shown = [
        hit if hit in open_hits else masked(hit, named, rules[hit.rule])
        for hit in _without_repetition(kept)
    ]
    found = {
        Finding(
            rule=rule.id,
            severity=rule.severity,
            urn=hit.urn,
            problem=Problem(hit.path, hit.what, hit.consequence, hit.fix),
            reference=rule.reference,
        )
        for hit in shown
        for rule in [rules[hit.rule]]
    }
    listed = sorted(
        found,
        key=lambda one: (_ORDER.index(one.severity), one.urn, one.rule, one.problem.path),
    )
    return (waivers or Waivers()).apply(listed, named)


def broken_policies(graph: ResourceGraph) -> list[Problem]:
    """The problem of each finding, with house rules for every resource; not types without rules."""
    found = findings(graph, own=True)
    return [one.problem for one in found if one.rule != UNCHECKED.id]


def _made_by_us(graph: ResourceGraph) -> set[str]:
    """The URNs of resources with one of our components among their ancestors."""
    inside: set[str] = set()
    waiting = [each for each in graph.resources if each.type.startswith(_OURS)]
    while waiting:
        each = waiting.pop()
        if each.urn not in inside:
            inside.add(each.urn)
            waiting += graph.children(each.urn)
    return inside


def _hits(graph: ResourceGraph) -> Iterator[Hit]:
    for rules in RULES.values():
        yield from _hits_of(graph, rules)
    yield from unchecked_types(graph)


def _without_repetition(hits: list[Hit]) -> Iterator[Hit]:
    """The hits without those of rules for any type that repeat a rule for the resource's type.

    A rule of the same property judges it better; one of what is around it may be about another
    fault, and then hides nothing that is more serious.
    """
    said: dict[str, list[Hit]] = {}
    for hit in hits:
        if hit.rule not in DANGERS:
            said.setdefault(hit.urn, []).append(hit)
    for hit in hits:
        named = said.get(hit.urn, ()) if hit.rule in DANGERS else ()
        if not any(_says(one, hit) for one in named):
            yield hit


def _says(one: Hit, danger: Hit) -> bool:
    """Whether a rule for the type already reports what a rule for any type found."""
    severity, of_danger = (every_rule()[hit.rule].severity for hit in (one, danger))
    if _ORDER.index(severity) <= _ORDER.index(of_danger):
        return _within(danger.path, one.path)
    return danger.path == one.path and of_danger is not Severity.CRITICAL


def _within(path: str, other: str) -> bool:
    """Whether one path is the other, or leads into it."""
    return path == other or path.startswith((f"{other}.", f"{other}["))


def _hits_of(graph: ResourceGraph, rules: CloudRules) -> Iterator[Hit]:
    rows: tuple[Iterable[Hit], ...] = (
        required_settings_hold(graph, rules.required),
        companions_exist(graph, rules.companions),
        references_exist(graph, rules.references),
        hosts_outlive_the_tool(graph, rules.hosts),
    )
    for each in rows:
        yield from each
    for check in rules.checks:
        yield from check.hits(graph)
