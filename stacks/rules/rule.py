"""A rule between sections: a function from the configuration to its problems."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from components.base.problems import Problem

from ..config.error_messages import KEY_PREFIX, dotted
from ..config.problem import at
from ..config.stack import StackConfig

__all__ = ["Rule", "at", "path_of"]

Rule = Callable[[StackConfig], Iterable[Problem]]


def path_of(*steps: int | str) -> str:
    """The path of a value of the stack file as ``at`` takes it: ``servers.weather.command[0]``."""
    return dotted(steps).removeprefix(KEY_PREFIX)
