"""An interrupted start of the API server leaves nothing behind, and the next start succeeds."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.harness import apiserver
from tests.harness.apiserver import ApiServer


def running_in(folder: Path) -> list[str]:
    """Command lines that name this folder."""
    lines = list[str]()
    for process in Path("/proc").glob("[0-9]*"):
        try:
            line = (process / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
        except OSError:
            continue  # it has ended meanwhile
        if str(folder) in line:
            lines.append(line)
    return lines


def interrupted_after(seconds: float, run: Path, kill: Callable[[int, int], None]) -> str:
    """What a start of the API server says that gets SIGINT so long after it began with etcd."""
    command = [apiserver.NODE / "up", "--api-only", "--run", run]
    up = subprocess.Popen(
        command,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    assert up.stdout is not None
    assert any("starting etcd" in line for line in up.stdout)
    time.sleep(seconds)
    kill(up.pid, signal.SIGINT)
    _, said = up.communicate(timeout=20)
    return said


@pytest.mark.parametrize("kill", [os.kill, os.killpg], ids=["the script", "its whole group"])
def test_a_start_cut_short_at_any_moment_leaves_nothing(
    api_server: ApiServer, tmp_path: Path, kill: Callable[[int, int], None]
) -> None:
    assert api_server.run.exists()  # so its programs are built
    run = tmp_path / "run"
    for milliseconds in (0, 0, 2, 5, 10, 20, 50, 300):
        said = interrupted_after(milliseconds / 1000, run, kill)
        assert said.startswith("node: interrupted: nothing is left running"), milliseconds
        assert running_in(run) == [], milliseconds
        assert not run.exists(), milliseconds


def test_a_start_succeeds_after_one_was_cut_short(api_server: ApiServer, tmp_path: Path) -> None:
    run = tmp_path / "run"
    interrupted_after(0.1, run, os.kill)
    with apiserver.api_server(run) as server:  # two stand side by side
        assert server.kubectl("get", "--raw", "/readyz").stdout == "ok"
        assert api_server.kubectl("get", "--raw", "/readyz").stdout == "ok"
    assert running_in(run) == []
