"""Programs of a killed command are waited for or terminated before the next command starts."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Generator
from pathlib import Path

import pytest

from delivery import orphaned_processes
from delivery.state_folders import locked_stack, state_folder

pytestmark = pytest.mark.skipif(
    not Path("/proc/self/fdinfo").exists(), reason="who holds a lock is seen in Linux's /proc only"
)

COMMAND = """
import sys
import time
from delivery import process
from delivery.state_folders import locked_stack, held_locks
with locked_stack("dev", "up", print):
    process.run(
        ["sh", "-c", sys.argv[1]],
        on_line=lambda line: print(line, flush=True),
        inherits=held_locks(),
    )
"""


@pytest.fixture(autouse=True)
def own_state(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("QUDAG_MCP_STATE", str(tmp_path / "state"))


@contextlib.contextmanager
def killed(script: str) -> Generator[int]:
    """A command that was killed while a program of its own ran; what that program said first."""
    with subprocess.Popen(
        [sys.executable, "-c", COMMAND, script], stdout=subprocess.PIPE, text=True
    ) as command:
        assert command.stdout is not None
        pid = int(command.stdout.readline())
        command.kill()
        command.wait()
        try:
            yield pid
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)


def is_running(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


def test_a_program_that_still_ends_is_waited_for(tmp_path: Path) -> None:
    mark, go = tmp_path / "ended", tmp_path / "go"
    said: list[str] = []

    def say(text: str) -> None:
        said.append(text)
        go.touch()

    script = f"echo $$; while [ ! -e {go} ]; do sleep 0.02; done; touch {mark}"
    with killed(script) as pid, locked_stack("dev", "up", say):
        assert mark.exists()
    assert len(said) == 1
    assert f"left running: sh ({pid})" in said[0]


def test_a_program_whose_own_leader_was_killed_too_is_ended_at_once(tmp_path: Path) -> None:
    started = tmp_path / "pid"
    script = f"sleep 60 & echo $! > {started}; echo $$; wait"
    with killed(script) as leader:
        os.kill(leader, signal.SIGKILL)
        begun = time.monotonic()
        with locked_stack("dev", "up", print):
            assert not is_running(int(started.read_text()))
        assert time.monotonic() - begun < orphaned_processes.EXIT_SECONDS / 2


def test_an_orphan_that_does_not_end_is_signalled_and_then_killed(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(orphaned_processes, "EXIT_SECONDS", 0.5)
    monkeypatch.setattr(orphaned_processes, "TERMINATE_SECONDS", 0.5)
    heard = tmp_path / "heard"
    script = f"trap 'touch {heard}' INT; echo $$; while :; do sleep 0.05; done"
    with killed(script) as pid, locked_stack("dev", "up", print):
        assert heard.exists()
        assert not is_running(pid)


def test_another_command_that_waits_as_well_is_no_leftover(tmp_path: Path) -> None:
    go = tmp_path / "go"
    with (
        killed(f"echo $$; while [ ! -e {go} ]; do sleep 0.02; done"),
        subprocess.Popen(
            [sys.executable, "-c", COMMAND, "echo second"], stdout=subprocess.PIPE, text=True
        ) as waiting,
    ):
        assert waiting.stdout is not None
        assert "left running" in waiting.stdout.readline()
        holders, command_lives = orphaned_processes.holders(state_folder("dev") / "lock")
        assert waiting.pid not in holders
        assert not command_lives
        go.touch()
        assert waiting.stdout.readline() == "second\n"


def test_a_program_that_outlives_its_command_does_not_lock_the_stack() -> None:
    detached = "setsid sleep 60 >/dev/null 2>&1 & echo $!"
    command = subprocess.run(
        [sys.executable, "-c", COMMAND, detached], capture_output=True, text=True, check=True
    )
    try:
        with locked_stack("dev", "down", pytest.fail):
            pass
    finally:
        os.kill(int(command.stdout), signal.SIGKILL)
