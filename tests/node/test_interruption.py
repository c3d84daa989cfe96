"""After Ctrl-C all of the node's processes end, and the next start succeeds."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Mapping
from pathlib import Path

import pytest

from tests.harness.restricted_path import NODE, environment, programs_on_path, ran, stand_in_for_go

IN_TIME = 20


def ours(cache: str) -> list[int]:
    """Processes that run with this cache."""
    mark, found = f"NODE_CACHE={cache}".encode(), list[int]()
    for process in Path("/proc").glob("[0-9]*"):
        try:
            if mark in (process / "environ").read_bytes().split(b"\0"):
                found.append(int(process.name))
        except OSError:
            continue  # it has ended, or is another user's
    return found


def started_until(text: str, env: Mapping[str, str]) -> subprocess.Popen[str]:
    """`up --api-only`, read until it writes a line with this text."""
    command = [NODE / "up", "--api-only"]
    pipe = subprocess.PIPE
    up = subprocess.Popen(command, env=env, stdout=pipe, stderr=pipe, text=True)
    assert up.stdout is not None
    for line in up.stdout:
        if text in line:
            return up
    raise AssertionError(up.communicate()[1])


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_build_ends_with_the_one_who_asked_for_it(tmp_path: Path, number: signal.Signals) -> None:
    path = programs_on_path(tmp_path / "bin")
    stand_in_for_go(path, "1.99", "sleep 600 & sleep 600")
    env = environment(tmp_path, PATH=str(path))
    up = started_until(" programs", env)
    os.kill(up.pid, number)
    _, said = up.communicate(timeout=IN_TIME)
    assert up.returncode == 1
    assert said.startswith("node: interrupted: ")
    assert ours(env["NODE_CACHE"]) == []
    assert not (tmp_path / "run").exists()
    assert not (tmp_path / "run.lock").exists()


def test_after_an_interruption_the_next_start_builds_again(tmp_path: Path) -> None:
    path = programs_on_path(tmp_path / "bin")
    stand_in_for_go(path, "1.99", "sleep 600")
    env = environment(tmp_path, PATH=str(path))
    up = started_until(" programs", env)
    up.send_signal(signal.SIGINT)
    up.communicate(timeout=IN_TIME)
    stand_in_for_go(path, "1.99", "echo reached >&2; exit 1")
    again = ran(NODE / "up", "--api-only", env=env)
    assert "building the programs failed (reached)" in again.stderr
