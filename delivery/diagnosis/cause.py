"""A cause of a fault, and how likely it explains the others."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum

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


@dataclass(frozen=True)
class Cause:
    """What is wrong, and its place among the other causes."""

    rank: Rank
    problem: Problem

    @property
    def is_warning(self) -> bool:
        """Whether everything works all the same."""
        return self.rank is Rank.WARNING
