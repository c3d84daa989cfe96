"""The image of the reference server, as far as it can be read without building it."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

from components.container import NOBODY
from components.server import PROGRAM
from tests.harness.containers import ROOT

RUNTIME = ROOT / "runtime"
TEXT = (RUNTIME / "Dockerfile").read_text()


def test_hadolint_has_nothing_to_say():
    hadolint = Path(sys.executable).with_name("hadolint")
    command = [hadolint, "--no-color", RUNTIME / "Dockerfile"]
    said = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (said.returncode, said.stdout + said.stderr) == (0, "")


def test_everything_that_is_copied_is_there():
    copied = re.findall(r"^COPY (?!--from)(?:--\S+ )*(\S+) \S+$", TEXT, re.MULTILINE)
    assert {"requirements.txt", "*.py", "stores/*.py", "launcher"} <= set(copied)
    assert [name for name in copied if not list(RUNTIME.glob(name))] == []


def test_it_runs_the_pods_program_as_the_pods_user():
    assert f"USER {NOBODY}:{NOBODY}" in TEXT
    assert f'ENTRYPOINT ["{PROGRAM}"]' in TEXT
