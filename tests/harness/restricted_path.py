"""Runs the local node's scripts with a restricted `PATH`, as on a machine that lacks programs."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Collection, Mapping
from pathlib import Path

NODE = Path(__file__).resolve().parents[2] / "tools" / "node"


def programs_on_path(folder: Path, without: Collection[str] = ()) -> Path:
    """A folder with links to the programs on PATH, without some of them."""
    folder.mkdir()
    found: dict[str, Path] = {"python3": Path(sys.executable)}
    for place in os.environ["PATH"].split(os.pathsep):
        if Path(place).is_dir():
            for program in Path(place).iterdir():
                found.setdefault(program.name, program)
    for name, program in found.items():
        if name not in without:
            (folder / name).symlink_to(program)
    return folder


def path_without(program: str) -> str:
    """PATH without the folders that contain the program."""
    folders = os.environ["PATH"].split(os.pathsep)
    return os.pathsep.join(one for one in folders if not shutil.which(program, path=one))


def stand_in_for_go(folder: Path, version: str, build: str) -> None:
    """Install a fake `go` with this version, whose `build` is a line of shell."""
    go = folder / "go"
    go.unlink(missing_ok=True)
    go.write_text(f"""#!/bin/sh
case "$1 $2" in
  "env GOVERSION") echo go{version} ;;
  "env GOTOOLCHAIN") echo local ;;
  env*) echo /tmp ;;
  build*) {build} ;;
esac
""")
    go.chmod(0o755)


def environment(tmp: Path, **changes: str) -> dict[str, str]:
    """This process's environment, with an empty cache and a run folder for the test."""
    own = {"NODE_CACHE": str(tmp / "cache"), "NODE_RUN": str(tmp / "run")}
    return {**os.environ, **own, **changes}


def isolated(prepare: str, command: str) -> list[str]:
    """A command line that runs `prepare` and then `command` in new mount and network namespaces.

    /run and the cgroup hierarchies are empty there, so that a node on this machine is not touched.
    """
    script = f"""set -e
        mount -t tmpfs tmpfs /run
        mount -t tmpfs tmpfs /sys/fs/cgroup
        mkdir /sys/fs/cgroup/pids && touch /sys/fs/cgroup/pids/cgroup.procs
        {prepare}
        exec {command}"""
    return ["unshare", "--mount", "--net", "--propagation", "private", "bash", "-c", script]


def ran(
    *command: str | Path, env: Mapping[str, str], within_seconds: float = 30
) -> subprocess.CompletedProcess[str]:
    """Run a command to its end and return it with its output."""
    return subprocess.run(
        command, env=env, capture_output=True, text=True, timeout=within_seconds, check=False
    )


def may_isolate() -> bool:
    """Whether this user may create mount namespaces."""
    tried = ["unshare", "--mount", "--net", "--propagation", "private", "true"]
    return (
        shutil.which("unshare") is not None and subprocess.run(tried, check=False).returncode == 0
    )
