"""A program that does not end is ended, with the processes that it started."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest
from typer.testing import CliRunner

from delivery.cli import app
from graph.programs import record_stack
from tests.harness.small_programs import thing, written

pytestmark = pytest.mark.slow  # each starts a Python with its SDKs

SLEEPER = """
import subprocess, sys
child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
open("child", "w").write(str(child.pid))
"""


def is_running(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return False
    return state != "Z"


def ended(folder: Path) -> bool:
    """Whether the process that a program noted ends; a killed one takes a moment."""
    pid = int((folder / "child").read_text())
    late = time.monotonic() + 10
    while is_running(pid) and time.monotonic() < late:
        os.sched_yield()
    return not is_running(pid)


def test_a_program_that_hangs_is_ended_with_what_it_started(tmp_path: Path):
    written(tmp_path, SLEEPER + "import time\ntime.sleep(600)\n")
    done = CliRunner().invoke(app, ["preview", "-C", str(tmp_path), "--timeout", "8"])
    assert done.exit_code == 1
    assert "did not end within 8 s" in done.stderr
    assert "--timeout SECONDS" in done.stderr
    assert ended(tmp_path)


def test_a_process_that_a_program_leaves_behind_does_not_hold_the_preview(tmp_path: Path):
    written(tmp_path, SLEEPER + "Thing('a')\n")
    assert thing(record_stack(tmp_path, "dev", seconds=120), "a")
    assert ended(tmp_path)
