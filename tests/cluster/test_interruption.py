"""An interrupted start of the API server leaves nothing behind, and the next start succeeds."""

from __future__ import annotations

import signal
import subprocess
from pathlib import Path

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


def test_a_start_cut_short_leaves_nothing_and_can_be_repeated(
    api_server: ApiServer, tmp_path: Path
) -> None:
    assert api_server.run.exists()  # so its programs are built, and two servers stand side by side
    run = tmp_path / "run"
    command = [apiserver.NODE / "up", "--api-only", "--run", run]
    up = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert up.stdout is not None
    assert any("starting etcd" in line for line in up.stdout)
    up.send_signal(signal.SIGINT)
    _, said = up.communicate(timeout=20)
    assert said.startswith("node: interrupted: ")
    assert running_in(run) == []
    assert not run.exists()

    with apiserver.api_server(run) as server:
        assert server.kubectl("get", "--raw", "/readyz").stdout == "ok"
        assert api_server.kubectl("get", "--raw", "/readyz").stdout == "ok"
    assert running_in(run) == []
