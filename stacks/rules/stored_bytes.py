"""What must hold for the sizes of the volumes and queues of `observability`."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from components.base.problems import Problem
from components.observability.store_sizes import (
    LINE_QUEUE,
    LINES,
    METRICS,
    SILENCES,
    TRACE_QUEUE,
    TRACES,
    StoreSize,
)

from ..config.stack import StackConfig
from .rule import Rule, at


def sizes_are_usable(config: StackConfig) -> Iterator[Problem]:
    """A store has room for what it keeps, and no size is larger than what exists."""
    section = config.observability
    standalone, logs, traces = section.standalone, section.logs, section.traces
    alertmanager = standalone.alertmanager if standalone else None
    stated: list[tuple[str, str | None, StoreSize]] = [
        ("standalone.size", standalone.size if standalone else None, METRICS),
        ("standalone.alertmanager.size", alertmanager.size if alertmanager else None, SILENCES),
        ("logs.queueBytes", logs.queue_bytes if logs else None, LINE_QUEUE),
        ("logs.store.size", logs.store.size if logs and logs.store else None, LINES),
        ("traces.queueBytes", traces.queue_bytes if traces else None, TRACE_QUEUE),
        ("traces.store.size", traces.store.size if traces and traces.store else None, TRACES),
    ]
    for path, written, bounds in stated:
        if written is not None:
            for found in bounds.problems(f"observability.{path}", written):
                yield at(found.path, found.what, found.consequence, found.fix)


STORED_BYTES_RULES: Final[list[tuple[tuple[str, ...], Rule]]] = [
    (("observability",), sizes_are_usable),
]
"""Each rule with what it reads."""
