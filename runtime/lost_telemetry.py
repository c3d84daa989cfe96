"""Logs how many spans and copies of log lines could not be sent."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Mapping
from threading import Lock
from typing import Final

from .logs import event

Counts = Callable[[str, int], None]
"""Called with an outcome (`sent`, `failed`, `dropped`) and a number of spans or lines."""
EVERY_SECONDS: Final = 60
"""At most one line in this time, of each signal."""


class LostTelemetry:
    """Counts what was not sent, and logs it at most once a minute.

    Args:
        signal: `traces` or `logs`.

    Attributes:
        waiting: says how many have not been sent yet.
        failure: says why the last attempt failed: a status, or the type of an exception.
    """

    def __init__(self, signal: str, clock: Callable[[], float] = time.monotonic) -> None:
        self.signal = signal
        self.clock = clock
        self.lost = {"failed": 0, "dropped": 0}
        self.logged_at = -float("inf")
        # Spans and lines are dropped by the event loop, and fail in the thread that sends.
        self.lock = Lock()
        self.ended = False
        self.waiting: Callable[[], int] = int
        self.failure: Callable[[], str | None] = lambda: None

    def __call__(self, outcome: str, number: int) -> None:
        with self.lock:
            if outcome in self.lost:
                self.lost[outcome] += number
            if (
                self.ended
                or not any(self.lost.values())
                or (now := self.clock()) - self.logged_at < EVERY_SECONDS
            ):
                return
            self.logged_at = now
            lost, self.lost = self.lost, {"failed": 0, "dropped": 0}
        # The copy of this line may be dropped. The next line counts it.
        self._log(lost)

    def end(self) -> None:
        """Log what was not logged yet; what still waits has failed."""
        with self.lock:
            self.ended = True
            lost = {**self.lost, "failed": self.lost["failed"] + self.waiting()}
        if any(lost.values()):
            self._log(lost)

    def _log(self, lost: Mapping[str, int]) -> None:
        facts = {"signal": self.signal, **lost, "failure": self.failure()}
        event("telemetry_lost", logging.WARNING, **facts)
