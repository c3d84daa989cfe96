"""Previews a stack, or its changes since a commit, without a cloud or an engine."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path

from components.base.problems import Problem, ProblemReport
from graph.program_process import TIME_LIMIT, stop_all
from graph.programs import ProgramFailed, record_stack
from graph.resource_graph import Notice, ResourceGraph
from graph.stack_files import has_program, stack_names
from policies.checked_program import judged_stack
from policies.finding import Finding

from .checkout import files_at, resolve
from .diff import Diff, diff
from .risk import Risk, risks


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """What a change does.

    Attributes:
        base: the commit compared with, as the user named it.
        commit: its full id.
        risks: of the change, and of the rules that the stack breaks after it.
        findings: the rules that the stack breaks after the change.
    """

    base: str
    commit: str
    diff: Diff
    risks: tuple[Risk, ...]
    findings: tuple[Finding, ...] = ()


def compare(
    root: Path,
    stack: str,
    base: str,
    *,
    strict: bool = False,
    seconds: float = TIME_LIMIT,
) -> Comparison:
    """The working tree under ``root`` against the commit ``base``.

    Args:
        strict: as of ``judged``.
        seconds: as of ``record_stack``, for each of both programs.

    Raises ProblemReport where there is no such commit, or its program cannot run.
    """
    commit = resolve(root, base)
    with files_at(root, commit) as former, ThreadPoolExecutor(1) as executor:
        before = executor.submit(_record_base, former, stack, base, root, seconds)
        try:
            after = judged_stack(root, stack, strict=strict, seconds=seconds)
        except BaseException:
            stop_all()
            raise
        graph = after.graph
        if _is_new(former, stack, root):
            what = f"{base} has no such stack: every resource is shown as added"
            notices = (Notice(f"Pulumi.{stack}.yaml", what), *graph.notices)
            graph = replace(graph, notices=notices)
        found = diff(before.result(), graph)
    return Comparison(
        base=base,
        commit=commit,
        diff=found,
        risks=risks(found, after.findings),
        findings=after.findings,
    )


def _is_new(former: Path, stack: str, root: Path) -> bool:
    """Whether the stack has a file under ``root``, and had none in the base."""
    return stack not in stack_names(former) and stack in stack_names(root)


def _record_base(former: Path, stack: str, base: str, root: Path, seconds: float) -> ResourceGraph:
    """The base's graph; an empty one where the stack did not exist yet.

    It runs in the environment of the program under ``root``.
    """
    if not has_program(former):
        raise ProblemReport(
            [
                Problem(
                    path=f"--base {base}",
                    what="the commit contains no Pulumi program",
                    consequence="there is nothing to compare with",
                    fix="name a later commit",
                )
            ]
        )
    if _is_new(former, stack, root):
        return ResourceGraph(project="", stack=stack)
    try:
        return record_stack(former, stack, environment_from=root, seconds=seconds)
    except (ProgramFailed, ProblemReport) as failure:
        raise ProblemReport(
            [
                Problem(
                    path=f"--base {base}",
                    what=f"its program does not run: {getattr(failure, 'summary', failure)}",
                    consequence="what it deployed is not known",
                    fix="name a commit whose program runs with the packages installed here",
                )
            ]
        ) from failure
