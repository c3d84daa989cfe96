"""What a rule between sections is: a function from the configuration to its problems."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from components.base.problems import Problem

from ..config.stack import StackConfig

Rule = Callable[[StackConfig], Iterable[Problem]]


def at(path: str, what: str, consequence: str, fix: str) -> Problem:
    """A problem at ``path`` of the stack's configuration."""
    return Problem(f"qudag-mcp:{path}", what, consequence, fix)
