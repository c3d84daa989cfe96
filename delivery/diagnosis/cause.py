"""A cause of a fault, and how likely it explains the others."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from typing import Final

from components.base.problems import Problem


class Rank(IntEnum):
    """Causes in this order: each explains faults of those after it, and none before it."""

    CLUSTER = 0
    ABSENT = 1
    SECRET = 2
    CERTIFICATE = 3
    CHANGED = 4
    ADMISSION = 5
    SCHEDULING = 6
    IMAGE = 7
    IN_LOG = 8
    ENDED = 9
    UNREADY = 10
    WARNING = 11


PAGE: Final = "docs/troubleshooting.md"
SECTIONS: Final = {
    Rank.CLUSTER: "pods-do-not-start",
    Rank.SECRET: "pods-do-not-start",
    Rank.CERTIFICATE: "a-certificate-is-refused",
    Rank.CHANGED: "a-service-is-not-reachable",
    Rank.ADMISSION: "pods-do-not-start",
    Rank.SCHEDULING: "pods-do-not-start",
    Rank.IMAGE: "pods-do-not-start",
    Rank.IN_LOG: "a-service-is-not-reachable",
    Rank.ENDED: "pods-do-not-start",
    Rank.UNREADY: "pods-do-not-start",
}
"""The section of ``PAGE`` about the symptom of a cause; an absent object needs none."""


@dataclass(frozen=True)
class Cause:
    """What is wrong, and its place among the other causes.

    Attributes:
        section: of the page on symptoms; None: the one of the rank, if it has one.
    """

    rank: Rank
    problem: Problem
    section: str | None = None

    @property
    def page(self) -> str | None:
        """Where the symptom is described, in the repository; None if it needs no more words."""
        section = self.section or SECTIONS.get(self.rank)
        return f"{PAGE}#{section}" if section else None

    @property
    def is_warning(self) -> bool:
        """Whether everything works all the same."""
        return self.rank is Rank.WARNING
