"""Records a stack's program and refuses a graph that breaks a policy rule."""

from __future__ import annotations

from pathlib import Path

from components.base.problems import ProblemReport
from graph.programs import record_stack
from graph.resource_graph import ResourceGraph


def checked_stack(root: Path, stack: str) -> ResourceGraph:
    """As ``record_stack``, for a graph that is to be shown or written; see ``refuse_broken``."""
    graph = record_stack(root, stack)
    refuse_broken(graph)
    return graph


def refuse_broken(graph: ResourceGraph) -> None:
    """Raises ProblemReport where a cluster or a cloud would refuse the graph, or it is unsafe."""
    from . import broken_policies

    if problems := broken_policies(graph):
        raise ProblemReport(problems)
