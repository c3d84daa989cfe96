"""The least and the most bytes of the volumes and queues of monitoring."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from ..base import forms
from ..base.problems import Problem
from ..base.quantities import quantity

_LARGEST_VOLUME: Final = "64Ti"
"""The largest disk of the three clouds."""


@dataclass(frozen=True, kw_only=True)
class StoreSize:
    """The bounds of a size, and what happens below and above them.

    Attributes:
        least, most: quantities of Kubernetes, such as ``100Mi``.
        below, above: the consequence of a smaller and of a larger one.
    """

    least: str
    most: str = _LARGEST_VOLUME
    below: str
    above: str = "no cloud has a disk of that size: its pod would wait for the volume"

    def problems(self, path: str, written: str) -> Iterator[Problem]:
        """What is wrong with a size; nothing if it is no quantity, which is refused elsewhere."""
        yield from self.too_small(path, written)
        if forms.BYTES.matches(written) and quantity(written) > quantity(self.most):
            yield Problem(path, f"is {written}", self.above, f"set at most {self.most}")

    def too_small(self, path: str, written: str) -> Iterator[Problem]:
        """As ``problems``, of the least size alone."""
        if forms.BYTES.matches(written) and quantity(written) < quantity(self.least):
            yield Problem(path, f"is {written}", self.below, f"set at least {self.least}")


METRICS: Final = StoreSize(
    least="100Mi", below="it would hold the values of some hours: older ones would be deleted"
)
SILENCES: Final = StoreSize(
    least="10Mi", below="it would be full of silences and of its log at once"
)
LINES: Final = StoreSize(
    least="100Mi", below="whole days of lines would be deleted soon after they arrive"
)
TRACES: Final = StoreSize(
    least="100Mi", below="it would be full of traces at once, and all of them would be deleted"
)
LINE_QUEUE: Final = StoreSize(
    least="16Mi",
    most="1Ti",
    below="a few batches of 2 MiB would fill it: no line could wait for the store",
    above="no node has a disk for it: it would be full before the queue is",
)
TRACE_QUEUE: Final = StoreSize(
    least="4Mi",
    most="256Mi",  # a fourth of the memory of the collector of traces
    below="a trace of 2 MiB, and what is sent with it, would have no room: it would be lost",
    above="a full queue would leave the collector too little memory, and it would refuse spans",
)
