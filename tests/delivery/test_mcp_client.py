"""Refusals of a platform during a client's connection become a problem report."""

from __future__ import annotations

from collections.abc import Generator
from pathlib import Path

import anyio
import pytest

from components.base.problems import ProblemReport
from delivery.mcp_client import Endpoint, Era, call_tool, connected, list_tools
from tests.harness.server import RunningServer, serving
from tests.harness.tokens import Issuer


@pytest.fixture(scope="module")
def legacy(tmp_path_factory: pytest.TempPathFactory) -> Generator[RunningServer]:
    directory: Path = tmp_path_factory.mktemp("client")
    with serving(directory, Issuer.at(directory), protocol={"era": "legacy"}) as server:
        yield server


@pytest.fixture
def endpoint(legacy: RunningServer) -> Endpoint:
    return Endpoint(url=f"{legacy.base}/mcp", token=legacy.token)


async def test_an_era_that_is_not_served_is_one_problem(endpoint: Endpoint) -> None:
    with pytest.raises(ProblemReport) as report:
        await list_tools(endpoint, Era.MODERN)
    (problem,) = report.value.problems
    assert "no modern revision" in problem.what


async def test_an_error_of_the_server_is_reported_unchanged(endpoint: Endpoint) -> None:
    with pytest.raises(ProblemReport) as report:
        await call_tool(endpoint, Era.LEGACY, "no-such-tool", {})
    (problem,) = report.value.problems
    assert "Unknown tool: no-such-tool" in problem.what


async def test_an_answer_that_came_too_late_is_one_problem(endpoint: Endpoint) -> None:
    """The client's own streams are closed by then, and its task group says only that."""
    with pytest.raises(ProblemReport) as report:
        async with connected(endpoint, Era.LEGACY):
            raise ExceptionGroup("tasks", [anyio.ClosedResourceError()])
    (problem,) = report.value.problems
    assert "had stopped waiting" in problem.what
