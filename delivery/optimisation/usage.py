"""What the pods of a workload used, in a window of time."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field

Point = tuple[float, float]
"""Time in seconds since the epoch, and a value."""


@dataclass(frozen=True, kw_only=True)
class Usage:
    """Series of one container of a workload, with one point for each step of the window.

    Attributes:
        source: where they come from, in words.
        step: seconds from one point to the next.
        cpu: cores of the busiest pod.
        cpu_of_all: cores of all pods together.
        memory: bytes of the pod with the most.
        pods: pods that ran.
        throttled: share of the CPU periods in which the pod that was throttled most had to wait;
            empty: unknown.
        killed: how often a container was killed for its memory; None: unknown.
    """

    source: str
    step: float
    cpu: Sequence[Point]
    cpu_of_all: Sequence[Point]
    memory: Sequence[Point]
    pods: Sequence[Point] = field(default=())
    throttled: Sequence[Point] = field(default=())
    killed: int | None = None

    @property
    def hours(self) -> float:
        """For how long both CPU and memory are known."""
        return min(len(self.cpu), len(self.memory)) * self.step / 3600


def quantile(points: Sequence[Point], share: float) -> float:
    """The smallest value that at least ``share`` of the points do not exceed; 0 without points."""
    values = sorted(value for _, value in points)
    if not values:
        return 0.0
    return values[max(math.ceil(share * len(values)), 1) - 1]


def largest(points: Sequence[Point]) -> float:
    """The largest value; 0 without points."""
    return max((value for _, value in points), default=0.0)


def share_above(points: Sequence[Point], limit: float) -> float:
    """The share of the points whose value is above a limit; 0 without points."""
    return sum(value > limit for _, value in points) / len(points) if points else 0.0
