"""A rule between sections: a function from the configuration to its problems."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from components.base.problems import Problem

from ..config.problem import at
from ..config.stack import StackConfig

__all__ = ["Rule", "at"]

Rule = Callable[[StackConfig], Iterable[Problem]]
