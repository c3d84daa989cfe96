"""A test that takes much CPU time fails in `make test`, with the processes that it waits for."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).parents[2]
BUSY: Final = "import time\nwhile time.process_time() < 0.4: pass\n"
TESTS: Final = f"""
import subprocess, sys, time
import pytest

def busy():
    began = time.process_time()
    while time.process_time() < began + 0.4: pass

@pytest.fixture
def prepared(): busy()

def test_in_its_process(): busy()
def test_in_another_process(): subprocess.run([sys.executable, "-S", "-c", {BUSY!r}], check=True)
def test_in_a_fixture(prepared): pass
def test_that_waits(): time.sleep(0.4)

@pytest.mark.slow
def test_that_is_marked(): busy()
"""


def test_what_is_not_marked_slow_has_a_limit_of_cpu_time(tmp_path: Path):
    file = tmp_path / "test_busy.py"
    file.write_text(TESTS)
    options = ("-p", "tests.conftest", "--cpu-limit=0.3", "-p", "no:cacheprovider", "-rA")
    project = (f"--confcutdir={ROOT}", "-c", ROOT / "pyproject.toml", "--color=no")
    done = subprocess.run(
        [sys.executable, "-m", "pytest", *options, *project, file],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    said = done.stdout
    outcomes = {
        line.split("::")[1].split()[0]: line.split()[0]
        for line in said.splitlines()
        if "::" in line
    }
    assert outcomes == {
        "test_in_its_process": "FAILED",
        "test_in_another_process": "FAILED",
        "test_in_a_fixture": "ERROR",
        "test_that_waits": "PASSED",
        "test_that_is_marked": "PASSED",
    }, said + done.stderr
    assert "the fixture prepared took 0.4 s of CPU time, and 0.3 are the most" in said
