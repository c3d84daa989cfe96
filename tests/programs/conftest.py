"""A fixture with each stack, for tests of all stacks."""

from __future__ import annotations

import pytest

from graph.resource_graph import ResourceGraph
from tests.harness.graph_queries import STACKS
from tests.harness.stacks import stack as recorded


@pytest.fixture(params=STACKS)
def stack(request: pytest.FixtureRequest) -> ResourceGraph:
    return recorded(request.param)
