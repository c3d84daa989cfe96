"""Problems that a user can fix: wrong input, or an environment that lacks something."""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from dataclasses import dataclass

from .visible_text import visible


@dataclass(frozen=True)
class Problem:
    """One problem, with its path, its effect and a fix.

    Attributes:
        path: where it is: a configuration path (``qudag-mcp:network.flows[2]``), a file, a command.
        what: what is wrong, with the value that was found.
        consequence: the effect if it were not refused.
        fix: the command to run, or the value to write.
    """

    path: str
    what: str
    consequence: str
    fix: str

    def __str__(self) -> str:
        text = f"{self.path}: {self.what}\n    so:  {self.consequence}\n    fix: {self.fix}"
        # A lone surrogate, which no terminal and no file can be given.
        return visible(text.encode(errors="backslashreplace").decode())


class ProblemReport(Exception):  # noqa: N818  (it reports; it is not an error of ours)
    """All problems found, at once. The command line prints it and exits with 1."""

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems = tuple(problems)
        super().__init__(self.problems)

    def __str__(self) -> str:
        count = len(self.problems)
        head = "1 problem" if count == 1 else f"{count} problems"
        return "\n".join([f"{head}:", *(str(problem) for problem in self.problems)])


def nearest(name: str, known: Iterable[str]) -> str | None:
    """The known name that ``name`` was most likely meant to be, or None."""
    by_lower = {candidate.lower(): candidate for candidate in known}
    close = difflib.get_close_matches(name.lower(), by_lower, n=1, cutoff=0.6)
    return by_lower[close[0]] if close else None
