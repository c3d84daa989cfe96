"""Started programs have a time limit, stream their output, and end with their parent."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
import time
from collections.abc import Callable
from pathlib import Path
from shutil import which

import pytest

from components.base.problems import ProblemReport
from delivery import process


def until(holds: Callable[[], bool], seconds: float = 15.0) -> bool:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if holds():
            return True
        time.sleep(0.02)
    return False


def is_running(pid: int) -> bool:
    try:
        return "(sleep)" in Path(f"/proc/{pid}/stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return False


def test_both_streams_and_the_status_come_back() -> None:
    outcome = process.run(["sh", "-c", "echo out; echo err >&2; exit 3"])
    assert (outcome.status, outcome.out, outcome.err) == (3, "out\n", "err\n")


def test_lines_are_handed_over_before_the_program_ends(tmp_path: Path) -> None:
    seen = tmp_path / "seen"
    script = f"echo first; while [ ! -e {seen} ]; do sleep 0.05; done; echo second"
    lines: list[str] = []

    def on_line(line: str) -> None:
        lines.append(line)
        seen.touch()

    process.run(["sh", "-c", script], on_line=on_line, timeout=15)
    assert lines == ["first", "second"]


def test_text_given_to_it_is_its_standard_input() -> None:
    assert process.run(["cat"], stdin="a secret").out == "a secret"


def test_a_program_reads_nothing_unless_given_something() -> None:
    assert process.run(["cat"], timeout=10).out == ""


@pytest.mark.slow
def test_a_program_that_does_not_end_in_time_is_stopped_with_its_children(tmp_path: Path) -> None:
    children = tmp_path / "children"
    with pytest.raises(TimeoutError, match="still ran after 1 s"):
        process.run(["sh", "-c", f"sleep 60 & echo $! > {children}; wait"], timeout=1)
    pid = int(children.read_text())
    assert until(lambda: not is_running(pid))


def test_ctrl_c_reaches_the_program_once_and_then_us(tmp_path: Path) -> None:
    heard = tmp_path / "heard"
    child = f"trap 'echo heard >> {heard}; exit 0' INT; echo up; while :; do sleep 0.05; done"
    ours = textwrap.dedent(
        f"""
        from delivery import process
        process.run(["sh", "-c", {child!r}], on_line=lambda line: print(line, flush=True))
        """
    )
    with subprocess.Popen(
        [sys.executable, "-c", ours], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as running:
        assert running.stdout is not None
        assert running.stdout.readline() == "up\n"
        os.kill(running.pid, signal.SIGINT)
        _, err = running.communicate(timeout=20)
    assert heard.read_text() == "heard\n"
    assert "KeyboardInterrupt" in err


def test_a_background_program_ends_with_the_block() -> None:
    with process.background(["sh", "-c", "echo $$; exec sleep 60"]) as lines:
        pid = int(next(lines))
        assert until(lambda: is_running(pid))
    assert until(lambda: not is_running(pid))


@pytest.mark.skipif(which("setpriv") is None, reason="needs setpriv: apt-get install util-linux")
def test_a_background_program_ends_when_its_parent_is_killed() -> None:
    ours = textwrap.dedent(
        """
        from delivery import process
        with process.background(["sh", "-c", "echo $$; exec sleep 60"]) as lines:
            print(next(lines), flush=True)
            next(lines)
        """
    )
    with subprocess.Popen(
        [sys.executable, "-c", ours], stdout=subprocess.PIPE, text=True
    ) as running:
        assert running.stdout is not None
        pid = int(running.stdout.readline())
        assert until(lambda: is_running(pid))
        running.kill()
    assert until(lambda: not is_running(pid))


def test_a_missing_program_is_reported_with_the_way_to_get_it(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(ProblemReport) as report:
        process.find("kubectl", needed_for="reaching a cluster", fix="install it")
    (problem,) = report.value.problems
    assert problem.what == "kubectl is not on PATH"
    assert problem.fix == "install it"


def test_a_program_on_the_terminal_returns_its_exit_status(tmp_path: Path):
    code = "import os, sys; sys.exit(7 if os.getcwd() == sys.argv[1] else 1)"
    assert process.on_terminal([sys.executable, "-c", code, tmp_path], cwd=tmp_path) == 7
