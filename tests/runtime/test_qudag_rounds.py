"""The latency of a round is the time until most nodes have proven their keys."""

from __future__ import annotations

import asyncio
import math
from collections.abc import AsyncGenerator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry

from components.mcp.metrics import exported_by
from runtime.qudag_rounds import Rounds
from runtime.qudag_stand_in import PEER_ANSWERS_WITHIN_SECONDS, StandInNode
from tests.harness.exported_metrics import listed, scraped
from tests.harness.server import fetch, free_port, serving, until
from tests.harness.tokens import Issuer
from tests.runtime.test_qudag_exchange import node, own_toml


async def measured(asking: StandInNode) -> dict[str, float]:
    """The metrics after one round."""
    registry = CollectorRegistry()
    await Rounds(asking, registry).measure()
    return {
        name: registry.get_sample_value(name) or 0.0
        for name in (
            "qudag_consensus_latency",
            "qudag_consensus_rounds_total",
            "qudag_consensus_decisions_total",
        )
    }


@asynccontextmanager
async def slow(port: int, seconds: float) -> AsyncGenerator[int]:
    """The port of a relay to a node, which begins to pass on after some seconds."""

    async def pass_on(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await asyncio.sleep(seconds)
        there, back = await asyncio.open_connection("127.0.0.1", port)
        await asyncio.gather(_copy(reader, back), _copy(there, writer))

    listens = free_port()
    async with await asyncio.start_server(pass_on, "127.0.0.1", listens):
        yield listens


async def _copy(source: asyncio.StreamReader, target: asyncio.StreamWriter) -> None:
    while data := await source.read(4096):
        target.write(data)
    target.close()


@asynccontextmanager
async def network(folder: Path, *delays: float) -> AsyncGenerator[StandInNode]:
    """A node that is one of its own peers, and others that answer after these seconds."""
    own = free_port()
    async with AsyncExitStack() as stack:
        peers = [f"127.0.0.1:{own}"]
        for number, seconds in enumerate(delays):
            port = free_port()
            other = node(folder, f"other-{number}", port)
            await stack.enter_async_context(other.listening())
            peers.append(f"127.0.0.1:{await stack.enter_async_context(slow(port, seconds))}")
        asking = node(folder, "asking", own, *peers)
        await stack.enter_async_context(asking.listening())
        yield asking


async def test_the_latency_is_that_of_the_node_that_makes_most(tmp_path: Path):
    """Of five nodes three are most: this one, and the two that answer first."""
    async with network(tmp_path, 0, 0.3, 0.8, 1.2) as asking:
        found = await measured(asking)
    assert 0.3 <= found["qudag_consensus_latency"] < 0.8
    assert found["qudag_consensus_rounds_total"] == found["qudag_consensus_decisions_total"] == 1


@pytest.mark.slow
async def test_a_round_that_most_do_not_answer_is_not_decided(tmp_path: Path):
    late = PEER_ANSWERS_WITHIN_SECONDS + 1
    async with network(tmp_path, 0, late, late) as asking:
        found = await measured(asking)
    assert found["qudag_consensus_latency"] >= PEER_ANSWERS_WITHIN_SECONDS
    assert found["qudag_consensus_rounds_total"] == 1
    assert found["qudag_consensus_decisions_total"] == 0


async def test_a_node_alone_has_no_latency(tmp_path: Path):
    async with network(tmp_path) as asking:
        found = await measured(asking)
    assert math.isnan(found["qudag_consensus_latency"])
    assert found["qudag_consensus_rounds_total"] == 0


@pytest.mark.slow
def test_servers_with_nodes_export_what_the_list_says(tmp_path: Path, issuer: Issuer):
    ports = {"north": free_port(), "south": free_port()}
    every = [f"/ip4/127.0.0.1/tcp/{port}" for port in ports.values()]
    tomls = {name: own_toml(tmp_path, name, port, *every) for name, port in ports.items()}
    given = {name: {"node_config": str(file)} for name, file in tomls.items()}
    role = {"role": "qudag"}
    with (
        serving(tmp_path, issuer, server=role, qudag=given["north"]) as north,
        serving(tmp_path, issuer, server=role, qudag=given["south"]),
    ):
        until(lambda: north.metric("qudag_consensus_decisions_total") == 1, 25)
        assert 0 < north.metric("qudag_consensus_latency") < PEER_ANSWERS_WITHIN_SECONDS
        found = scraped(fetch(north.metrics_url).text)
    assert {name: found[name] for name in exported_by("node")} == listed(exported_by("node"))
