"""Platforms on real pods: CLUSTER=context:NAME, kind, or the local node."""

from __future__ import annotations

from collections.abc import Generator

import pytest

from delivery.stack_identity import StackIdentity
from tests.harness.deployed_platform import ROOT, Platform, deployed_stack
from tests.harness.real_pods import left_as_found, possible, pytest_terminal_summary

__all__ = ["left_as_found", "possible", "pytest_terminal_summary"]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The tutorial is last: it ends with `make down`, and others would start the node again."""
    items.sort(key=lambda item: item.path.name == "test_tutorial.py")


@pytest.fixture(scope="module")
def platform() -> Generator[Platform]:
    """Brings the platform up, or finds it up; it stays up for the next module."""
    with deployed_stack(StackIdentity.of(ROOT, "dev")) as platform:
        yield platform
