"""Physical names of cloud resources: within each cloud's limits, with a unique suffix.

A name that is too long loses letters of its words, never of the suffix that keeps two stacks, or
two accounts that share one name space, apart.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass

from .problems import Problem, ProblemReport

UNIQUE = 8
"""Hexadecimal digits of a suffix: 2 stacks in 65,000 of one organisation share one by chance."""


@dataclass(frozen=True, kw_only=True)
class NameRule:
    """The names that a cloud accepts for a resource type.

    Attributes:
        longest: characters.
        shortest: characters.
        form: regular expression that a whole name must match.
        source: the cloud's document that states it.
        key: property that holds the name.
    """

    longest: int
    form: str
    source: str
    shortest: int = 1
    key: str = "name"

    def problem(self, path: str, name: str) -> Problem | None:
        """The problem of ``name``; None if it is valid."""
        if len(name) > self.longest or len(name) < self.shortest:
            what = f"{name!r} has {len(name)} characters, and {self._length} are allowed"
        elif not re.fullmatch(self.form, name):
            what = f"{name!r} does not match {self.form}"
        else:
            return None
        # In front of what is too short, or begins as the cloud's own names do.
        instead = next(n for n in (self._made_of(name), self._made_of("mcp", name)) if n)
        return Problem(path, what, f"the cloud refuses it ({self.source})", f"write {instead!r}")

    def _made_of(self, *words: str) -> str | None:
        try:
            return fitted(self, *words)
        except ProblemReport:
            return None

    @property
    def _length(self) -> str:
        return f"{self.shortest} to {self.longest}"

    @property
    def separator(self) -> str:
        """The separator of words: a dash if the form allows it, else nothing."""
        return "-" if re.fullmatch(self.form, "a" * self.shortest + "-a") else ""


def unique(*parts: str) -> str:
    """A suffix derived from ``parts``: stable between runs, different for different parts."""
    return hashlib.sha256("/".join(parts).encode()).hexdigest()[:UNIQUE]


def fitted(rule: NameRule, *words: str, suffix: str = "") -> str:
    """``words`` and ``suffix`` as one name that ``rule`` allows; long words are shortened.

    Raises:
        ProblemReport: there is no room for the words.
    """
    separator = rule.separator
    kept = [word for each in words for word in re.split(r"[^a-z0-9]+", each.lower()) if word]
    tail = f"{separator}{suffix}" if suffix else ""
    room = rule.longest - len(tail)
    head = separator.join(kept).lstrip("0123456789-")
    # A cloud that forbids a beginning, or so short a name, takes it with ours in front.
    for start in (head, f"mcp{separator}{head}") if head else ():
        whole = start[: max(room, 0)].rstrip("-") + tail
        if len(whole) >= rule.shortest and re.fullmatch(rule.form, whole):
            return whole
    what = f"no name of {rule.shortest} to {rule.longest} characters can be made of it"
    raise ProblemReport(
        [
            Problem(
                " ".join(words) or "name",
                what,
                f"the cloud refuses it ({rule.source})",
                "use another name, with at least three letters",
            )
        ]
    )
