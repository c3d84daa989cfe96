"""Each stack in turn, for tests that hold for all of them."""

from __future__ import annotations

import pytest

from delivery.graph import ResourceGraph
from tests.harness.platforms import STACKS
from tests.harness.stacks import stack as recorded


@pytest.fixture(params=STACKS)
def stack(request: pytest.FixtureRequest) -> ResourceGraph:
    return recorded(request.param)
