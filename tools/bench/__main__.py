"""Prints the table of `make bench`: ``python -m tools.bench``."""

from __future__ import annotations

import sys
from pathlib import Path

from components.base.problems import ProblemReport
from graph.stack_files import stack_names
from review.report import terminal

from . import call_cost, cold_start, federation, overhead, serving
from .running_server import required_nginx

ROOT = Path(__file__).resolve().parents[2]


def main() -> None:
    """Measure programs, the server and the start of a function, and print the tables."""
    required_nginx()
    console = terminal.console()
    with console.status("") as status:
        programs = overhead.measure(stack_names(ROOT), status.update)
        called = call_cost.measure(status.update)
        served = serving.measure(status.update)
        federated = federation.measure(status.update)
        started = cold_start.measure(status.update)
    console.print(
        overhead.table(programs),
        call_cost.table(called),
        *serving.tables(served),
        federation.table(federated),
        *cold_start.tables(started),
    )


if __name__ == "__main__":
    try:
        main()
    except ProblemReport as report:
        sys.exit(str(report))
    except KeyboardInterrupt:
        sys.exit(130)
