"""The tiers on real pods: skipped where there is no cluster; the cluster is left as it was."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Generator
from typing import Any

import pytest

from components.base.problems import ProblemReport
from delivery import cluster
from delivery.local_node import FOLDER
from delivery.outputs import Deployed
from delivery.state_folders import state_folder
from tests.harness.deployed_platform import verb

NOT_RUN = pytest.StashKey[str]()


@pytest.fixture(scope="session", autouse=True)
def possible(request: pytest.FixtureRequest) -> None:
    """Skips where no cluster can be had, with what is missing and how to get it."""
    if missing := why_not():
        request.config.stash[NOT_RUN] = missing
        pytest.skip(missing)


def why_not() -> str:
    """Why there is no cluster to test on; empty if there is one, or if the node can be started."""
    try:
        kind, _, _ = cluster.parse_request(os.environ.get("CLUSTER") or None)
    except ProblemReport as report:
        return str(report)
    if kind != "node":
        return ""
    tried = subprocess.run([FOLDER / "up", "--check"], capture_output=True, text=True, check=False)
    return tried.stderr.strip() if tried.returncode else ""


def pytest_terminal_summary(terminalreporter: Any) -> None:
    if missing := terminalreporter.config.stash.get(NOT_RUN, ""):
        terminalreporter.section("NOTHING WAS TESTED ON REAL PODS", red=True, bold=True)
        terminalreporter.write_line(missing)


@pytest.fixture(scope="session", autouse=True)
def left_as_found(possible: None) -> Generator[None]:
    """Takes the platform down at the end, unless it was up before."""
    del possible
    before = Deployed.find(state_folder("dev"))
    was_up = before is not None and cluster.running(before.request) is not None
    yield
    if not was_up:
        ended = verb("down")
        assert ended.status == 0, ended.err
