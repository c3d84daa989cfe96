"""Records the program of a stack, applies the rules, and marks the findings that refuse it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path

from components.base.problems import Problem, ProblemReport
from graph.program_process import TIME_LIMIT
from graph.programs import ROOT, record_stack
from graph.resource_graph import ResourceGraph

from .finding import Finding, Severity
from .waivers import read_waivers


@dataclass(frozen=True, kw_only=True)
class CheckedStack:
    """A stack with the findings of the rules.

    Attributes:
        findings: the rules that it breaks; ``refused`` says which of them refuse it.
    """

    graph: ResourceGraph
    findings: tuple[Finding, ...] = ()


def judged_stack(
    root: Path, stack: str, *, strict: bool = False, seconds: float = TIME_LIMIT
) -> CheckedStack:
    """As ``record_stack``, for a graph that is to be shown; ``strict`` as of ``judged``."""
    graph = record_stack(root, stack, seconds=seconds)
    return CheckedStack(graph=graph, findings=judged(graph, root, strict=strict))


def checked_stack(root: Path, stack: str, *, strict: bool = False) -> CheckedStack:
    """As ``judged_stack``, for a graph that is to be written; see ``refuse_broken``."""
    found = judged_stack(root, stack, strict=strict)
    refuse(found.findings)
    return found


def refuse_broken(
    graph: ResourceGraph, root: Path = ROOT, *, strict: bool = False
) -> tuple[Finding, ...]:
    """The findings of a graph that may be deployed; the arguments are those of ``judged``.

    Raises:
        ProblemReport: the findings that are refused, or faults of ``policy-waivers.yaml``.
    """
    found = judged(graph, root, strict=strict)
    refuse(found)
    return found


def judged(graph: ResourceGraph, root: Path, *, strict: bool = False) -> tuple[Finding, ...]:
    """The findings of a graph, those that refuse it marked so.

    Args:
        root: the folder of its program, which may contain ``policy-waivers.yaml``.
        strict: whether every finding that is not waived refuses; otherwise critical ones do.
            The program of this checkout is always held to this.

    Raises:
        ProblemReport: faults of ``policy-waivers.yaml``.
    """
    from . import findings

    own = root.resolve() == ROOT
    return tuple(
        replace(found, refused=_refuses(found, strict=strict or own))
        for found in findings(graph, read_waivers(root), own=own)
    )


def _refuses(found: Finding, *, strict: bool) -> bool:
    return found.waiver is None and (strict or found.severity is Severity.CRITICAL)


def refuse(findings: Iterable[Finding]) -> None:
    """Raises ProblemReport if findings refuse their program."""
    if refused := [labelled(finding) for finding in findings if finding.refused]:
        raise ProblemReport(refused)


def labelled(finding: Finding) -> Problem:
    """The finding's problem, with the rule in it."""
    return replace(finding.problem, what=f"{finding.problem.what} [{finding.label}]")
