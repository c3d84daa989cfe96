"""Prints the tables of `make bench`: ``python -m tools.bench``."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

from components.base.problems import ProblemReport
from graph.stack_files import stack_names
from review.report import terminal

from . import (
    agents,
    call_cost,
    cold_start,
    federation,
    limits,
    overhead,
    preview_time,
    serving,
)
from .progress_lines import ProgressLines
from .running_server import required_nginx

ROOT = Path(__file__).resolve().parents[2]


def measured(tell: Callable[[str], None]) -> limits.Results:
    """Everything that has a table, measured one after the other."""
    stacks = stack_names(ROOT)
    return limits.Results(
        served=serving.measure(tell),
        federated=federation.measure(tell),
        called=call_cost.measure(tell),
        previews=preview_time.measure(stacks, tell),
        agents=agents.measure(tell),
        started=cold_start.measure(tell),
        programs=overhead.measure(stacks, tell),
    )


def main() -> None:
    """Measure programs, the server and the start of a function, and print the tables."""
    required_nginx()
    progress = ProgressLines()
    found = measured(progress.tell)
    progress.tell("done")
    terminal.console().print(
        overhead.table(list(found.programs)),
        preview_time.table(list(found.previews)),
        agents.table(list(found.agents)),
        call_cost.table(found.called),
        *serving.tables(found.served),
        federation.table(found.federated),
        *cold_start.tables(found.started),
        limits.table(limits.limited(found)),
    )


if __name__ == "__main__":
    try:
        main()
    except ProblemReport as report:
        sys.exit(str(report))
    except KeyboardInterrupt:
        sys.exit(130)
