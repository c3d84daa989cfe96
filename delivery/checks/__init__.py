"""What can be checked of a platform that is up, and how one check ends: done, failed, or not."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Any

from components.base.problems import Problem, ProblemReport


class Ended(Enum):
    """How a check ended."""

    OK = "ok"
    FAILED = "failed"
    NOT_CHECKED = "not checked"


class NotCheckedError(Exception):
    """It cannot be checked from here; the message says why, in half a sentence."""


@dataclass(frozen=True)
class Check:
    """One check.

    Attributes:
        what: what was looked at.
        ended: how it ended.
        found: what was found, or why nothing was looked at.
        seconds: how long it took.
        problems: what is wrong, where it failed.
    """

    what: str
    ended: Ended
    found: str
    seconds: float
    problems: tuple[Problem, ...] = ()

    def to_json(self) -> Mapping[str, Any]:
        return {
            "check": self.what,
            "result": self.ended.value,
            "found": self.found,
            "seconds": round(self.seconds, 3),
        }


def check(what: str, look: Callable[[], str]) -> Check:
    """Looks, and says how that ended; ``look`` returns what it found."""
    started = time.monotonic()
    try:
        found = look()
    except (NotCheckedError, ProblemReport) as raised:
        return ended(what, raised, time.monotonic() - started)
    return Check(what, Ended.OK, found, time.monotonic() - started)


def ended(what: str, raised: NotCheckedError | ProblemReport, seconds: float) -> Check:
    """A check that ended with an exception."""
    if isinstance(raised, NotCheckedError):
        return not_checked(what, str(raised))
    return Check(what, Ended.FAILED, raised.problems[0].what, seconds, raised.problems)


def not_checked(what: str, why: str) -> Check:
    """A check that was left out."""
    return Check(what, Ended.NOT_CHECKED, why, 0.0)


def wrong(path: str, what: str, consequence: str, fix: str) -> ProblemReport:
    """A report of one problem."""
    return ProblemReport([Problem(path, what, consequence, fix)])
