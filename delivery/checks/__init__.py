"""Checks of a deployed platform, and their results: passed, a warning, failed or not checked."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Any

from components.base.problems import Problem, ProblemReport


class CheckStatus(Enum):
    """The result of a check."""

    OK = "ok"
    WARNING = "warning"
    FAILED = "failed"
    NOT_CHECKED = "not checked"


class NotCheckedError(Exception):
    """The check cannot be done from this machine; the message says why."""


@dataclass(frozen=True)
class Check:
    """The result of one check.

    Attributes:
        what: what was checked.
        status: whether it passed, passed with a warning, failed or was not done.
        found: the finding or the warning, or why it was not checked.
        seconds: how long it took.
        problems: the problems of a failed check.
    """

    what: str
    status: CheckStatus
    found: str
    seconds: float
    problems: tuple[Problem, ...] = ()

    def to_json(self) -> Mapping[str, Any]:
        return {
            "check": self.what,
            "result": self.status.value,
            "found": self.found,
            "seconds": round(self.seconds, 3),
        }


def check(what: str, look: Callable[[], str]) -> Check:
    """Run the check ``look``, which returns its finding, and record its result and duration."""
    started = time.monotonic()
    try:
        found = look()
    except (NotCheckedError, ProblemReport) as raised:
        return check_of_exception(what, raised, time.monotonic() - started)
    return Check(what, CheckStatus.OK, found, time.monotonic() - started)


def check_of_exception(what: str, raised: NotCheckedError | ProblemReport, seconds: float) -> Check:
    """The result of a check that raised an exception."""
    if isinstance(raised, NotCheckedError):
        return not_checked(what, str(raised))
    return Check(what, CheckStatus.FAILED, raised.problems[0].what, seconds, raised.problems)


def not_checked(what: str, why: str) -> Check:
    """The result of a check that was not done."""
    return Check(what, CheckStatus.NOT_CHECKED, why, 0.0)


def wrong(path: str, what: str, consequence: str, fix: str) -> ProblemReport:
    """A ``ProblemReport`` with one problem."""
    return ProblemReport([Problem(path, what, consequence, fix)])
