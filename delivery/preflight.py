"""Reads which cluster a stack is deployed to, and refuses images with a placeholder digest."""

from __future__ import annotations

import json
from pathlib import Path

from components.base.image_reference import placeholder_problems
from components.base.problems import Problem, ProblemReport
from graph.resource_graph import ResourceGraph
from graph.stack_files import read_stack_files


def request(root: Path, stack: str, asked: str | None) -> str | None:
    """The value of ``CLUSTER``, else the ``kubernetes.context`` of the stack's configuration.

    None, as in dev, selects kind or the local node.
    """
    if asked:
        return asked
    config = read_stack_files(root, stack).config.get("qudag-mcp:kubernetes", "{}")
    try:
        context = json.loads(config).get("context")
    except (ValueError, AttributeError):
        return None  # reported when the configuration is validated
    return f"context:{context}" if context else None


def refuse_placeholders(graph: ResourceGraph) -> None:
    """Refuse images whose digest is the placeholder (all zeros) of the committed stack file."""
    problems: dict[str, Problem] = {}
    for resource in graph.resources:
        if resource.custom:
            for problem in placeholder_problems(resource.inputs, resource.name):
                problems.setdefault(problem.what, problem)
    if problems:
        raise ProblemReport(problems.values())
