"""What must hold for the sizes of the volumes and queues of `observability`."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from components.base.problems import Problem
from components.base.quantities import quantity

from ..config.stack import StackConfig
from .rule import Rule, at

_LARGEST_VOLUME: Final = "64Ti"
"""The largest disk of the three clouds."""
LARGEST_TRACE_QUEUE: Final = "256Mi"
"""A fourth of the memory of the collector of traces."""


@dataclass(frozen=True, kw_only=True)
class _Bounds:
    """The least and the most bytes of a volume or queue, and what happens below the least."""

    least: str
    most: str = _LARGEST_VOLUME
    below: str
    above: str = "no cloud has a disk of that size: its pod would wait for the volume"


_VALUES: Final = _Bounds(
    least="100Mi", below="it would hold the values of some hours: older ones would be deleted"
)
_SILENCES: Final = _Bounds(
    least="10Mi", below="it would be full of silences and of its log at once"
)
_LINES: Final = _Bounds(
    least="100Mi", below="whole days of lines would be deleted soon after they arrive"
)
_TRACES: Final = _Bounds(
    least="100Mi", below="it would be full of traces at once, and all of them would be deleted"
)
_LINE_QUEUE: Final = _Bounds(
    least="16Mi",
    most="1Ti",
    below="a few batches of 2 MiB would fill it: no line could wait for the store",
    above="no node has a disk for it: it would be full before the queue is",
)
_TRACE_QUEUE: Final = _Bounds(
    least="4Mi",
    most=LARGEST_TRACE_QUEUE,
    below="a trace of 2 MiB, and what is sent with it, would have no room: it would be lost",
    above="a full queue would leave the collector too little memory, and it would refuse spans",
)


def sizes_are_usable(config: StackConfig) -> Iterator[Problem]:
    """A store has room for what it keeps, and no size is larger than what exists."""
    section = config.observability
    standalone, logs, traces = section.standalone, section.logs, section.traces
    alertmanager = standalone.alertmanager if standalone else None
    stated: list[tuple[str, str | None, _Bounds]] = [
        ("standalone.size", standalone.size if standalone else None, _VALUES),
        ("standalone.alertmanager.size", alertmanager.size if alertmanager else None, _SILENCES),
        ("logs.queueBytes", logs.queue_bytes if logs else None, _LINE_QUEUE),
        ("logs.store.size", logs.store.size if logs and logs.store else None, _LINES),
        ("traces.queueBytes", traces.queue_bytes if traces else None, _TRACE_QUEUE),
        ("traces.store.size", traces.store.size if traces and traces.store else None, _TRACES),
    ]
    for path, written, bounds in stated:
        if written is None:
            continue
        few = quantity(written) < quantity(bounds.least)
        if few or quantity(written) > quantity(bounds.most):
            yield at(
                f"observability.{path}",
                f"is {written}",
                bounds.below if few else bounds.above,
                f"set at least {bounds.least}" if few else f"set at most {bounds.most}",
            )


STORED_BYTES_RULES: Final[list[tuple[tuple[str, ...], Rule]]] = [
    (("observability",), sizes_are_usable),
]
"""Each rule with what it reads."""
