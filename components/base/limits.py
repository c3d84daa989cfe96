"""What clouds publish that they cannot give: each number with the document that says so."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from .problems import Problem


@dataclass(frozen=True, kw_only=True)
class Limit:
    """A bound that a cloud publishes.

    Attributes:
        of: what is bounded, in the cloud's words.
        most: the largest that may be asked for.
        unit: of both numbers.
        source: the cloud's document that says so.
        least: the smallest.
    """

    of: str
    most: int
    unit: str
    source: str
    least: int = 0

    def problems(self, path: str, value: int, *, fix: str) -> list[Problem]:
        """Why ``value`` cannot be, if it cannot: nothing or one problem."""
        if self.least <= value <= self.most:
            return []
        allowed = f"{self.least} to {self.most}" if self.least else f"at most {self.most}"
        what = f"asks for {value} {self.unit}, and {self.of} may be {allowed}"
        return [Problem(path, what, f"the cloud refuses it ({self.source})", fix)]


def instances_problems(fewest: int, most: int, *, least: int = 0) -> list[Problem]:
    """Bounds that cannot both hold: nothing or one problem.

    Args:
        fewest, most: of instances.
        least: what ``fewest`` must be at least.
    """
    if least <= fewest <= most and most:
        return []
    return [
        Problem(
            "min_instances",
            f"is {fewest}, and max_instances is {most}",
            "the cloud refuses bounds that cannot both hold",
            f"set min_instances to {least} or more, and max_instances to as many at least, "
            "and to 1",
        )
    ]


def refuse(problems: Iterable[Problem]) -> None:
    """Raises what was found, all at once; nothing when nothing was.

    Raises:
        Refused: there is a problem.
    """
    from .refusal import refuse as refuse_now  # Pulumi's: whoever only reads limits need not wait

    refuse_now(problems)
