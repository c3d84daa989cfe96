"""Creates a Problem whose path is in the stack file."""

from __future__ import annotations

from components.base.problems import Problem
from graph.project import KEY_PREFIX


def at(path: str, what: str, consequence: str, fix: str) -> Problem:
    """A problem at ``path`` of the stack's configuration."""
    return Problem(f"{KEY_PREFIX}{path}", what, consequence, fix)
