"""A start script ends as its program ends, however the stop signal falls."""

from __future__ import annotations

import subprocess
from collections import Counter

import pytest

from components.kubernetes.start_script import graceful_start

STOPS_AT_ONCE = """sh -c 'trap "kill \\$!; exit 0" USR1; sleep 60 & echo up; wait'"""


def started(command: str, **options: str) -> subprocess.Popen[str]:
    script = graceful_start(command, stop="USR1", **options)
    return subprocess.Popen(["sh", "-c", script], stdout=subprocess.PIPE, text=True)


def stopped(running: subprocess.Popen[str]) -> int:
    """Its exit status when it is told to stop once it has said something."""
    assert running.stdout is not None
    with running:
        running.stdout.readline()
        running.terminate()
        return running.wait(10)


@pytest.mark.parametrize("status", [0, 7, 127])
def test_the_status_of_a_program_that_ends_by_itself_is_the_scripts(status: int):
    with started(f"sh -c 'exit {status}'") as running:
        assert running.wait(10) == status


def test_a_program_that_stops_in_order_is_not_reported_as_killed():
    assert Counter(stopped(started(STOPS_AT_ONCE)) for _ in range(200)) == {0: 200}


def test_before_the_program_runs_a_stop_ends_the_script():
    assert stopped(started("true", before="echo preparing; sleep 2\n")) == 143
