"""Settings of all tests, their limit of CPU time, and a table of the server's hosts at the end."""

from __future__ import annotations

import contextlib
import gc
import os
import signal
from collections import Counter
from collections.abc import Generator
from functools import cache
from typing import Any

import pytest
import typer.testing
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


def pytest_collection_finish() -> None:
    """Half a million objects of tests stay to the end: collecting garbage passes them by."""
    gc.freeze()


# Typer inspects every function of a command at each call of it, which takes longer than most calls.
typer.testing._get_command = cache(typer.main.get_command)  # pyright: ignore

CPU_LIMIT = "--cpu-limit"


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        CPU_LIMIT,
        type=float,
        metavar="SECONDS",
        help="fail a test, or a fixture of it, that takes more CPU time and is not marked slow",
    )


def cpu_seconds() -> float:
    """CPU time of this process and of those that it has waited for."""
    return sum(os.times()[:4])


@contextlib.contextmanager
def within_limit(config: pytest.Config, item: pytest.Item, what: str) -> Generator[None]:
    """Fails if the block takes more CPU time than `make test` has for one test."""
    before = cpu_seconds()
    yield
    limit, spent = config.getoption(CPU_LIMIT), cpu_seconds() - before
    if limit is not None and spent > limit and not item.get_closest_marker("slow"):
        pytest.fail(
            f"{what} took {spent:.1f} s of CPU time, and {limit:g} are the most in `make test`: "
            "make it cheaper, or mark it slow; see CONTRIBUTING.md, Tiers of tests",
            pytrace=False,
        )


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Generator[None]:
    with within_limit(item.config, item, "the test"):
        yield


@pytest.hookimpl(wrapper=True)
def pytest_fixture_setup(
    fixturedef: pytest.FixtureDef[Any], request: pytest.FixtureRequest
) -> Generator[None, Any, Any]:
    with within_limit(request.config, request._pyfuncitem, f"the fixture {fixturedef.argname}"):  # pyright: ignore
        return (yield)


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

        ran = {host for host, _ in passed}
        cells = {
            cell: cell_of(*cell) if passed[cell] == len(ERAS) else "**not shown**"
            for cell in expected()
        }
        cells |= {cell: "not run" for cell in cells if cell[0] not in ran}
        terminalreporter.section("hosts")
        terminalreporter.write_line(table(cells))
