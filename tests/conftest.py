"""Settings of all tests, and a table of the server's hosts after a run that tested them."""

from __future__ import annotations

import gc
import signal
from collections import Counter
from typing import Any

from hypothesis import settings

# Recorded programs are many objects that stay. With Python's default of 700, a quarter of the CPU
# time of their tests is garbage collection.
gc.set_threshold(100_000)
# How long an example takes depends on what else the machine does.
settings.register_profile("no-deadline", deadline=None)
settings.load_profile("no-deadline")
# What a shell starts in the background ignores SIGINT, and so would its children; tests send
# that signal to programs that they start.
signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_terminal_summary(terminalreporter: Any) -> None:
    reports: list[Any] = terminalreporter.stats.get("passed", [])
    passed = Counter(
        tuple(cell)
        for report in reports
        for key, cell in report.user_properties
        if key == "conformance"
    )
    if passed:
        from tests.harness.server import ERAS
        from tools.host_conformance import cell_of, expected, table

        cells = {
            cell: cell_of(*cell) if passed[cell] == len(ERAS) else "**not shown**"
            for cell in expected()
        }
        terminalreporter.section("hosts")
        terminalreporter.write_line(table(cells))
