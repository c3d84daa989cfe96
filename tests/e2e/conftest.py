"""Platforms on real pods: CLUSTER=context:NAME, kind, or the local node."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Generator
from pathlib import Path

import pytest

from components.problems import ProblemReport
from delivery import cluster
from delivery.identity import StackIdentity
from delivery.outputs import Deployed, reachable
from delivery.places import state_folder
from tests.harness.deployed import ROOT, Platform, up, verb


@pytest.fixture(scope="session", autouse=True)
def _possible() -> None:
    """Skips where no cluster can be had, with what is missing and how to get it."""
    try:
        cluster.asked(os.environ.get("CLUSTER") or None)
    except ProblemReport as report:
        pytest.skip(str(report))


@pytest.fixture(scope="module")
def platform() -> Generator[Platform]:
    """Brings the platform up, or finds it up; it stays up for the next module."""
    with standing(StackIdentity.of(ROOT, "dev")) as platform:
        yield platform


@pytest.fixture(scope="module")
def services() -> Generator[Platform]:
    """Prod's topology, small: brought up for a module, and deleted after it."""
    stack = StackIdentity.of(Path(__file__).with_name("microservices"), "small")
    with standing(stack) as platform:
        yield platform
    ended = verb("down", "--keep-cluster", "--yes", *said(stack))
    assert ended.status == 0, ended.err


@contextlib.contextmanager
def standing(stack: StackIdentity) -> Generator[Platform]:
    """The stack, up and reachable."""
    done = up(*said(stack))
    assert done.status == 0, done.err + done.out
    deployed = Deployed.read(state_folder(stack.key), stack)
    found = cluster.running(deployed.request)
    assert found is not None
    with reachable(deployed.outputs["mcp_url"], deployed, found.kubectl) as url:
        yield Platform(deployed, found.kubectl, url)


def said(stack: StackIdentity) -> list[str]:
    """The stack as options of a verb."""
    return [f"--cwd={stack.root}", f"--stack={stack.name}"]


@pytest.fixture(scope="session", autouse=True)
def _left_as_found() -> Generator[None]:
    """Takes the platform down at the end, unless it was up before."""
    before = Deployed.find(state_folder("dev"))
    was_up = before is not None and cluster.running(before.request) is not None
    yield
    if not was_up:
        ended = verb("down")
        assert ended.status == 0, ended.err
