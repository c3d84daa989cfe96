"""The exception of refused args, whose message Pulumi prints without a traceback."""

from __future__ import annotations

from collections.abc import Iterable

import pulumi

from .problems import Problem, ProblemReport


class Refused(ProblemReport, pulumi.RunError):
    """A ProblemReport that Pulumi's program host prints as it is, without a traceback."""


def refuse(problems: Iterable[Problem]) -> None:
    """Raises all problems at once; does nothing without problems.

    Raises:
        Refused: there is a problem.
    """
    if found := list(problems):
        raise Refused(found)
