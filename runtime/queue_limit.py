"""Limits how many spans or log lines wait to be sent, and counts what became of the others."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final, TypedDict, TypeVar

from .lost_telemetry import Counts

Item = TypeVar("Item")
Result = TypeVar("Result")
BATCH: Final = 512
DELAY_MILLISECONDS: Final = 1000
"""The longest that one waits for others; a collector decides on a trace much later."""


class BatchOptions(TypedDict):
    """Arguments of the batch processors of OpenTelemetry's SDK."""

    max_queue_size: int
    schedule_delay_millis: float
    max_export_batch_size: int


class QueueLimit:
    """Drops and counts new items while as many wait as the queue takes.

    The library's own queue drops the oldest, and says so only in a log line.

    Args:
        queue: the most that may wait.
        counts: called with the outcome and the number of items.
    """

    def __init__(self, queue: int, counts: Counts) -> None:
        self.queue = queue
        self.counts = counts
        self.accepted = 0
        self.taken = 0
        self.ended = 0

    @property
    def options(self) -> BatchOptions:
        """Of the processor, whose own queue is never full: `accept` refuses items before."""
        return BatchOptions(
            max_queue_size=self.queue + BATCH,
            schedule_delay_millis=DELAY_MILLISECONDS,
            max_export_batch_size=min(BATCH, self.queue),
        )

    def waiting(self) -> int:
        """How many are neither sent nor lost."""
        return self.accepted - self.ended

    def accept(self) -> bool:
        """Whether there is room for one more, which is counted as accepted; else as dropped."""
        if self.accepted - self.taken >= self.queue:
            self.counts("dropped", 1)
            return False
        self.accepted += 1
        return True

    def export(
        self, export: Callable[[Sequence[Item]], Result], batch: Sequence[Item], success: Result
    ) -> Result:
        """The result of `export`, by which the batch is counted as sent or as failed."""
        self.taken += len(batch)
        outcome = "failed"
        try:
            result = export(batch)
            if result is success:
                outcome = "sent"
            return result
        finally:
            self.ended += len(batch)
            self.counts(outcome, len(batch))
