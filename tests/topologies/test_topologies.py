"""Every topology on real pods, from its example, with the reference server as its stand-ins."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import pytest
from mcp_types import TextContent

from delivery.mcp_client import call_tool, eras
from stacks.topologies import TOPOLOGIES
from tests.harness.deployed_platform import ROOT
from tests.harness.example_stacks import Running, running

EXAMPLES: Final = ROOT / "examples" / "topologies"
FILES: Final = {
    **{
        name: EXAMPLES / name / f"Pulumi.{name}.yaml"
        for name in ("single-server", "load-balanced", "boilerplate")
    },
    # What their documents request is more than a node with two cores has.
    **{
        name: EXAMPLES / name / f"Pulumi.{name}-small.yaml"
        for name in ("three-services", "orchestration")
    },
    "microservices": ROOT / "tests/e2e/services/program/Pulumi.small.yaml",
    "none": ROOT / "tests/e2e/user_servers/program/Pulumi.two.yaml",
    "monolith": ROOT / "Pulumi.dev.yaml",  # the last: it stays up until the end
}
ECHO: Final = ("echo", {"text": "grüße"}, "grüße")
CALLS: Final[dict[str, list[tuple[str, dict[str, Any], str]]]] = {
    **{name: [ECHO] for name in FILES},
    "three-services": [
        (f"{service}__about", {}, service)
        for service in ("mcp-typescript-api", "mcp-learning-system", "mcp-rust-server")
    ],
    "orchestration": [
        ECHO,
        *((f"{role}-agent__about", {}, f"{role}-agent") for role in ("developer", "qa-tester")),
    ],
    "none": [("notes__note", {"text": "b"}, "noted: b")],
}
"""Tools that are called through the front, and a text in each answer."""


@pytest.fixture(scope="module", params=FILES)
def topology(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[str, Running]]:
    folder: Path = tmp_path_factory.mktemp(request.param)
    with running(FILES[request.param], folder) as stack:
        yield request.param, stack


def test_every_topology_has_an_example_here():
    assert FILES.keys() == TOPOLOGIES.keys()


def test_every_workload_is_ready(topology: tuple[str, Running]):
    name, stack = topology
    platform = stack.platform
    ready: dict[str, tuple[int, int]] = {}
    for namespace in platform.namespaces:
        for one in platform.kubectl.objects("deployments,statefulsets", f"-n={namespace}"):
            counted = one["spec"]["replicas"], one["status"].get("readyReplicas", 0)
            ready[one["metadata"]["name"]] = counted
    jobs = {job.name for job in TOPOLOGIES[name].jobs}
    assert ready.keys() >= {*TOPOLOGIES[name].workloads, *TOPOLOGIES[name].servers} - jobs
    assert {one: counts for one, counts in ready.items() if 0 in counts or len({*counts}) > 1} == {}


async def test_a_tool_is_called_through_the_front_by_the_official_client(
    topology: tuple[str, Running],
):
    name, stack = topology
    for era in eras(stack.platform.deployed.outputs["era"]):
        for tool, arguments, expected in CALLS[name]:
            result = await call_tool(stack.platform.endpoint(), era, tool, arguments)
            texts = [block.text for block in result.content if isinstance(block, TextContent)]
            assert not result.is_error, (era, tool, texts)
            assert expected in "".join(texts), (era, tool)


def test_verify_passes(topology: tuple[str, Running]):
    _, stack = topology
    found = stack.verified()
    for what in ("TLS", "401 without a token", "metadata", "dependencies"):
        assert found[what] == "ok", what
    assert {how for what, how in found.items() if what.endswith("tools/list")} == {"ok"}
