"""How a component refuses: Pulumi prints the message alone, without a traceback."""

from __future__ import annotations

from collections.abc import Iterable

import pulumi

from .problems import Problem, ProblemReport


class Refused(ProblemReport, pulumi.RunError):
    """A ProblemReport that Pulumi's program host prints as it is, without a traceback."""


def refuse(problems: Iterable[Problem]) -> None:
    """Raises what was found, all at once; nothing when nothing was.

    Raises:
        Refused: there is a problem.
    """
    if found := list(problems):
        raise Refused(found)
