"""Errors of `add-server`, and texts from outside that are safe to print."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, cast

from components.base.problems import Problem, ProblemReport

LONGEST_TEXT = 200
"""Characters of a text from outside that are printed."""


class NotAskedError(Exception):
    """A source cannot be asked: it is unreachable, or requires credentials. Others may work.

    Attributes:
        problem: for the user if there is no other source.
    """

    def __init__(self, path: str, what: str, fix: str) -> None:
        super().__init__(what)
        self.problem = Problem(path, what, "digest, ports and user of the image are unknown", fix)


def refused(path: str, what: str, fix: str) -> ProblemReport:
    """The report of one problem, because of which nothing is written."""
    return ProblemReport([Problem(path, what, "no server was added", fix)])


def printable(text: str) -> str:
    """A text from outside in one line, without control characters, of limited length."""
    line = "".join(
        letter if letter.isprintable() else " " if letter.isspace() else "\N{REPLACEMENT CHARACTER}"
        for letter in text
    )
    return line if len(line) <= LONGEST_TEXT else f"{line[:LONGEST_TEXT]}…"


def mapping(value: object) -> dict[str, Any]:
    """The value if it is a mapping, else an empty one."""
    return cast("dict[str, Any]", value) if isinstance(value, dict) else {}


def _leaves(failure: BaseException) -> Iterator[BaseException]:
    if isinstance(failure, BaseExceptionGroup):
        for member in cast("tuple[BaseException, ...]", failure.exceptions):
            yield from _leaves(member)
    else:
        yield failure


def reason(failure: Exception, seconds: float) -> str:
    """Why asking failed, from the innermost of the exceptions.

    Args:
        seconds: that were allowed.
    """
    last = [*_leaves(failure)][-1]
    if isinstance(last, TimeoutError):
        return f"it did not answer within {seconds:g} s"
    return printable(f"{type(last).__name__}: {last}")
