"""Limits that clouds publish, each with the document that states it."""

from __future__ import annotations

from dataclasses import dataclass

from .constraints import shown
from .problems import Problem


@dataclass(frozen=True, kw_only=True)
class Limit:
    """A bound that a cloud publishes.

    Attributes:
        of: the limited quantity, in the cloud's terms.
        most: the largest allowed value.
        unit: of both numbers.
        source: the cloud's document that states it.
        least: the smallest.
    """

    of: str
    most: int
    unit: str
    source: str
    least: int = 0

    def problems(self, path: str, value: int, *, fix: str) -> list[Problem]:
        """The problem of ``value``, or nothing if it is within the limit."""
        if self.least <= value <= self.most:
            return []
        allowed = f"{self.least} to {self.most}" if self.least else f"at most {self.most}"
        what = f"asks for {shown(value)} {self.unit}, and {self.of} may be {allowed}"
        return [Problem(path, what, f"the cloud refuses it ({self.source})", fix)]


def instances_problems(fewest: int, most: int, *, least: int = 0) -> list[Problem]:
    """A problem if the minimum exceeds the maximum or the maximum is 0.

    Args:
        fewest, most: the bounds of the number of instances.
        least: the least number that ``fewest`` may be.
    """
    if least <= fewest <= most and most:
        return []
    return [
        Problem(
            "min_instances",
            f"is {shown(fewest)}, and max_instances is {shown(most)}",
            "the cloud refuses a minimum above the maximum, and a maximum of 0",
            f"set min_instances to {least} or more, and max_instances to at least 1 "
            "and not below min_instances",
        )
    ]
