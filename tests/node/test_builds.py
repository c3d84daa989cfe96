"""The local node's programs are built in one call of Go, and once on a machine."""

from __future__ import annotations

import fcntl
import shutil
import subprocess
from pathlib import Path

from tests.harness.restricted_path import (
    NODE,
    environment,
    programs_on_path,
    ran,
    stand_in_for_go,
)

BUILD = """
  echo build >> {calls}
  while [ "$1" != -o ]; do shift; done
  out=$2; shift 2
  for package; do
    echo "#!/bin/sh\nexit 7" > "$out/${{package##*/}}"
    chmod 755 "$out/${{package##*/}}"
  done
"""


def up(tmp: Path, node: Path, path: Path) -> subprocess.CompletedProcess[str]:
    return ran(node / "up", "--api-only", env=environment(tmp, PATH=str(path)))


def test_a_second_checkout_uses_the_programs_of_the_first(tmp_path: Path) -> None:
    path = programs_on_path(tmp_path / "bin")
    calls = tmp_path / "calls"
    stand_in_for_go(path, "1.99", BUILD.format(calls=calls))
    first = up(tmp_path, NODE, path)
    assert "ended while starting" in first.stderr, first.stderr  # what was built is started
    assert calls.read_text() == "build\n"

    second = Path(shutil.copytree(NODE, tmp_path / "second" / "node"))
    stand_in_for_go(path, "1.99", "exit 1")
    again = up(tmp_path, second, path)
    assert "ended while starting" in again.stderr, again.stderr
    assert "building" not in again.stdout


def test_an_image_of_one_program_does_not_wait_for_a_long_one(tmp_path: Path) -> None:
    env = environment(tmp_path)
    programs = ran(NODE / "env", "--programs", env=env).stdout.strip()
    store = Path(programs).parent / "images"
    store.mkdir(parents=True)
    (tmp_path / "program").write_text("#!/bin/sh\n")
    add = f"{tmp_path / 'program'}:/program"
    with (store / "lock").open("w") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        made = ran(NODE / "image", "x/y:1", "--scratch", "--add", add, env=env)
    assert made.stdout == "docker.io/x/y:1\n", made.stderr
