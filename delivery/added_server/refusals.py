"""What `add-server` raises: it refuses, or a source could not be asked."""

from __future__ import annotations

from typing import Any, cast

from components.base.problems import Problem, ProblemReport

LONGEST_TEXT = 200
"""Characters of a text of others that are shown."""


class NotAskedError(Exception):
    """A source cannot be asked: it is unreachable, or wants credentials. Others may still be.

    Attributes:
        problem: for the user if there is no other source.
    """

    def __init__(self, path: str, what: str, fix: str) -> None:
        super().__init__(what)
        self.problem = Problem(path, what, "what the image is cannot be found out there", fix)


def refused(path: str, what: str, fix: str) -> ProblemReport:
    """The report of one problem, because of which nothing is written."""
    return ProblemReport([Problem(path, what, "no server was added", fix)])


def printable(text: str) -> str:
    """A text of others in one line, without control characters, of limited length."""
    line = "".join(
        letter if letter.isprintable() else " " if letter.isspace() else "\N{REPLACEMENT CHARACTER}"
        for letter in text
    )
    return line if len(line) <= LONGEST_TEXT else f"{line[:LONGEST_TEXT]}…"


def mapping(value: object) -> dict[str, Any]:
    """The value if it is a mapping, else an empty one."""
    return cast("dict[str, Any]", value) if isinstance(value, dict) else {}
