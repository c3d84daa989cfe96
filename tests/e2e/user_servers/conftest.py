"""Two servers of a user's own with the topology none, deployed for the tests of this folder."""

from __future__ import annotations

from collections.abc import Generator
from pathlib import Path

import pytest

from delivery.stack_identity import StackIdentity
from tests.harness.deployed_platform import Platform, deployed_stack, stack_options, verb
from tests.harness.restricted_path import path_without


@pytest.fixture(scope="package")
def own() -> Generator[Platform]:
    """The platform; Pulumi keeps the state of a stack like this one in a backend of the user's."""
    changed = pytest.MonkeyPatch()
    changed.setenv("PATH", path_without("pulumi"))
    stack = StackIdentity.of(Path(__file__).with_name("program"), "two")
    with deployed_stack(stack) as platform:
        yield platform
    ended = verb("down", "--keep-cluster", "--yes", *stack_options(stack))
    changed.undo()
    assert ended.status == 0, ended.err
