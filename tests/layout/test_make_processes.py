"""`make up` and `make down` end with the process that make started: no shell stands between."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path
from typing import Final

import pytest

MAKEFILE: Final = Path(__file__).parents[2] / "Makefile"


@pytest.mark.parametrize("target", ["up", "down"])
@pytest.mark.parametrize("cluster", ["", "CLUSTER=node"])
def test_the_command_that_holds_the_lock_of_a_stack_is_the_child_of_make(
    tmp_path: Path, target: str, cluster: str
):
    """A signal to make's child would otherwise end a shell, and the command would go on."""
    programs = tmp_path / ".venv" / "bin"
    programs.mkdir(parents=True)
    command = programs / "qudag-mcp"
    command.write_text('#!/bin/sh\necho "$PPID" > parent\n')
    command.chmod(0o755)
    (tmp_path / "Makefile").write_bytes(MAKEFILE.read_bytes())
    for name in ("requirements.txt", "tools/azure-worker.txt", "tools/setup"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("")
        os.utime(tmp_path / name, (0, 0))
    (tmp_path / ".venv" / "ready").write_text("")
    with subprocess.Popen(["make", target, *cluster.split()], cwd=tmp_path) as make:
        pass
    assert make.returncode == 0
    assert (tmp_path / "parent").read_text() == f"{make.pid}\n"
