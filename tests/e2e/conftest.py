"""Platforms on real pods: CLUSTER=context:NAME, kind, or the local node."""

from __future__ import annotations

import os
from collections.abc import Generator

import pytest

from components.base.problems import ProblemReport
from delivery import cluster
from delivery.outputs import Deployed
from delivery.stack_identity import StackIdentity
from delivery.state_folders import state_folder
from tests.harness.deployed_platform import ROOT, Platform, deployed_stack, verb


@pytest.fixture(scope="session", autouse=True)
def _possible() -> None:
    """Skips where no cluster can be had, with what is missing and how to get it."""
    try:
        cluster.parse_request(os.environ.get("CLUSTER") or None)
    except ProblemReport as report:
        pytest.skip(str(report))


@pytest.fixture(scope="module")
def platform() -> Generator[Platform]:
    """Brings the platform up, or finds it up; it stays up for the next module."""
    with deployed_stack(StackIdentity.of(ROOT, "dev")) as platform:
        yield platform


@pytest.fixture(scope="session", autouse=True)
def _left_as_found() -> Generator[None]:
    """Takes the platform down at the end, unless it was up before."""
    before = Deployed.find(state_folder("dev"))
    was_up = before is not None and cluster.running(before.request) is not None
    yield
    if not was_up:
        ended = verb("down")
        assert ended.status == 0, ended.err
