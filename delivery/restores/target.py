"""The new database of a restore, and the moment that it is restored to."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from components.base.problems import Problem, ProblemReport

from ..database_restore import Wanted

_NAME = re.compile(r"[a-z](-?[a-z0-9])*")


@dataclass(frozen=True, kw_only=True)
class Target:
    """What is restored, and how far.

    Attributes:
        name: of the new cluster, instance or server.
        moment: in UTC; None: the newest state.
    """

    name: str
    moment: datetime | None

    @property
    def time(self) -> str | None:
        """The moment as clouds and the operator read it; None: the newest state."""
        if self.moment is None:
            return None
        fraction = "milliseconds" if self.moment.microsecond else "seconds"
        return self.moment.isoformat(timespec=fraction).replace("+00:00", "Z")

    def title(self, source: str) -> str:
        """One sentence about the restore."""
        return f"Restores {source} as of {self.time or 'now'} to {self.name}."


def target(
    wanted: Wanted,
    source: str,
    *,
    now: datetime,
    longest: int,
    days: int,
    taken: Collection[str] = (),
) -> Target:
    """The new database that is wanted.

    Args:
        source: name of the live one.
        longest: characters that a name of this kind may have.
        days: within which the kind can be restored to any second.
        taken: further names that the new one must not have.

    Raises:
        ProblemReport: everything that cannot be done.
    """
    found = [*wanted.problems(), *_options(wanted)]
    moment = None
    if wanted.before and not any(each.path == "--before" for each in found):
        moment = datetime.fromisoformat(wanted.before).astimezone(UTC)
        found += _moment_problems(moment, now, days)
    stamp = (moment or now.astimezone(UTC)).strftime("-%Y%m%d-%H%M%S")
    name = wanted.database or f"{source[: longest - len(stamp)].rstrip('-')}{stamp}"
    found += _name_problems(name, longest, {source, *taken})
    if found:
        raise ProblemReport(found)
    return Target(name=name, moment=moment)


def _options(wanted: Wanted) -> Iterator[Problem]:
    if wanted.listing:
        yield Problem(
            "--list",
            "is given, and the backups are not in a bucket of the platform's jobs",
            "this command knows none of them",
            "leave it out: what is printed shows how far back a restore can go",
        )
    if wanted.replace:
        yield Problem(
            "--replace",
            "is given, and this kind of database is restored to a new one alone",
            "a live database would be lost",
            "leave it out: what is printed says how the stack takes the restored one over",
        )


def _moment_problems(moment: datetime, now: datetime, days: int) -> Iterator[Problem]:
    if moment > now:
        yield Problem(
            "--before",
            f"{moment:%Y-%m-%dT%H:%M:%SZ} is in the future",
            "there is no such state",
            "write a time that has passed, or leave --before out for the newest state",
        )
    if moment < now - timedelta(days=days):
        yield Problem(
            "--before",
            f"{moment:%Y-%m-%dT%H:%M:%SZ} is more than {days} days ago, which the stack keeps",
            "the log of that time is deleted",
            "write a later time",
        )


def _name_problems(name: str, longest: int, taken: Collection[str]) -> Iterator[Problem]:
    if name in taken:
        yield Problem(
            "--database",
            f"{name} exists: it is the live database, or the folder of its backups",
            "a restore would overwrite it",
            "choose another name, or leave --database out",
        )
    if len(name) > longest or not _NAME.fullmatch(name):
        yield Problem(
            "--database",
            f"{name!r} is no name of at most {longest} lower-case letters, digits and single "
            "hyphens that begins with a letter",
            "it would be refused",
            "choose another name, or leave --database out",
        )
