"""Where the local node cannot run, `make test-e2e-smoke` says so, tests nothing and passes."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.harness.restricted_path import NODE, environment, programs_on_path

ROOT = NODE.parents[1]


@pytest.mark.slow
@pytest.mark.skipif(os.geteuid() != 0, reason="as another user the reason is that one")
def test_smoke_tests_are_reported_as_skipped_without_go(tmp_path: Path) -> None:
    path = programs_on_path(tmp_path / "bin", without={"go"})
    ended = subprocess.run(
        [
            sys.executable,
            "-m",
            "pytest",
            "-p",
            "no:cacheprovider",
            "-rs",
            "-m",
            "smoke",
            "tests/e2e",
        ],
        cwd=ROOT,
        env=environment(tmp_path, PATH=str(path), CLUSTER="node"),
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert ended.returncode == 0, ended.stdout + ended.stderr
    assert " passed" not in ended.stdout
    assert "NOTHING WAS TESTED ON REAL PODS" in ended.stdout
    assert "no go on PATH" in ended.stdout
