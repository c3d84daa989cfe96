"""Two servers of a user's own with the topology none, deployed for the tests of this folder."""

from __future__ import annotations

from collections.abc import Generator
from pathlib import Path

import pytest

from delivery.stack_identity import StackIdentity
from tests.harness.deployed_platform import Platform, deployed_program


@pytest.fixture(scope="package")
def own() -> Generator[Platform]:
    """The platform."""
    program = Path(__file__).with_name("program")
    with deployed_program(StackIdentity.of(program, "two")) as platform:
        yield platform
