"""Records a stack's program, and refuses a graph that breaks rules."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path

from components.base.problems import Problem, ProblemReport
from graph.programs import ROOT, record_stack
from graph.resource_graph import ResourceGraph

from .finding import Finding, Severity
from .waivers import read_waivers


@dataclass(frozen=True, kw_only=True)
class CheckedStack:
    """A stack that is not refused.

    Attributes:
        findings: the rules that it breaks all the same: waived, or less than critical.
    """

    graph: ResourceGraph
    findings: tuple[Finding, ...] = ()


def checked_stack(root: Path, stack: str, *, strict: bool = False) -> CheckedStack:
    """As ``record_stack``, for a graph that is to be shown or written; see ``refuse_broken``."""
    graph = record_stack(root, stack)
    return CheckedStack(graph=graph, findings=refuse_broken(graph, root, strict=strict))


def refuse_broken(
    graph: ResourceGraph, root: Path = ROOT, *, strict: bool = False
) -> tuple[Finding, ...]:
    """The findings of a graph that may be shown or deployed.

    Args:
        root: the folder of its program, which may contain ``policy-waivers.yaml``.
        strict: whether to refuse every finding that is not waived; otherwise critical ones are
            refused. The program of this checkout is always held to this.

    Raises:
        ProblemReport: the findings that are refused, or faults of ``policy-waivers.yaml``.
    """
    from . import findings

    own = root.resolve() == ROOT
    found = findings(graph, read_waivers(root), own=own)
    if refused := [*_refused(found, strict=strict or own)]:
        raise ProblemReport(refused)
    return tuple(found)


def _refused(found: Iterable[Finding], *, strict: bool) -> Iterable[Problem]:
    for finding in found:
        if finding.waiver is None and (strict or finding.severity is Severity.CRITICAL):
            yield labelled(finding)


def labelled(finding: Finding) -> Problem:
    """The finding's problem, with the rule in it."""
    return replace(finding.problem, what=f"{finding.problem.what} [{finding.label}]")
