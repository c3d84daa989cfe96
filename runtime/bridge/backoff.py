"""Delays between the starts of a program that ends again and again."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

STEADY_SECONDS = 10.0
"""A process that ran for so long counts as one that works."""
FIRST_SECONDS = 0.5
LONGEST_SECONDS = 30.0


@dataclass
class Backoff:
    """No delay after the first end, then 0.5 s, doubled each time up to 30 s.

    Attributes:
        ends: ends without a steady run between them.
        next_start: the time of the event loop from which on the program may start.
    """

    ends: int = 0
    next_start: float = 0.0

    def ended(self, ran_seconds: float) -> float:
        """Note the end of a process; returns the seconds until the next start."""
        if ran_seconds >= STEADY_SECONDS:
            self.ends = 0
        delay = 0.0
        if self.ends:
            delay = min(FIRST_SECONDS * 2 ** min(self.ends - 1, 16), LONGEST_SECONDS)
        self.ends += 1
        self.next_start = asyncio.get_running_loop().time() + delay
        return delay

    def remaining(self) -> float:
        """Seconds until the program may start; 0 if it may."""
        return max(0.0, self.next_start - asyncio.get_running_loop().time())
