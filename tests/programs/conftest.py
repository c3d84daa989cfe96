"""Each stack in turn, for tests that hold for all of them."""

from __future__ import annotations

import pytest

from graph.resource_graph import ResourceGraph
from tests.harness.graph_queries import STACKS
from tests.harness.stacks import stack as recorded


@pytest.fixture(params=STACKS)
def stack(request: pytest.FixtureRequest) -> ResourceGraph:
    return recorded(request.param)
