"""A server that has cancelled calls in its drain answers /metrics until they are read."""

from __future__ import annotations

import time
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import anyio
import pytest

from tests.harness.server import RunningServer, eventually, serving
from tests.harness.tokens import Issuer

pytestmark = pytest.mark.slow
DRAIN_SECONDS = 1.6
WAITS_SECONDS = 2


def started(
    folder: Path, issuer: Issuer, *, workers: int = 1, waits: float = WAITS_SECONDS
) -> AbstractContextManager[RunningServer]:
    protocol: dict[str, Any] = {
        **{"era": "modern", "longest_tool_seconds": 1.5, "drain_seconds": DRAIN_SECONDS}
    }
    server: dict[str, Any] = {"workers": workers, "final_scrape_seconds": waits}
    return serving(folder, issuer, protocol=protocol, server=server)


async def cancelled_calls(server: RunningServer, number: int) -> float:
    """End the server while calls run; the time of the signal."""
    steps: set[int] = set()
    sent: list[float] = []

    async def call(one: int) -> None:
        async def note(progress: float, total: float | None, message: str | None) -> None:
            steps.add(one)

        async with server.client("modern") as client:
            arguments = {"to": 100, "pause_seconds": 0.1}
            await client.call_tool("count", arguments, progress_callback=note)

    async with anyio.create_task_group() as tasks:
        for one in range(number):
            tasks.start_soon(call, one)
        await eventually(lambda: len(steps) == number)
        sent.append(server.terminate())
    return sent[0]


@pytest.mark.parametrize("workers", [1, 2])
async def test_metrics_have_the_number_of_cancelled_calls_until_they_are_read(
    tmp_path: Path, issuer: Issuer, workers: int
):
    with started(tmp_path, issuer, workers=workers, waits=30) as server:
        assert server.metric("mcp_calls_cancelled_by_drain_total") == 0
        sent = await cancelled_calls(server, 3)
        await eventually(lambda: server.events("metrics_wait"))
        assert server.metric("mcp_calls_cancelled_by_drain_total") == 3
        assert await anyio.to_thread.run_sync(server.exit_status) == 0
    assert time.monotonic() - sent < 15
    assert len(server.events("metrics_read")) == 1


@pytest.mark.parametrize("workers", [1, 2])
async def test_a_server_does_not_wait_for_long_until_its_metrics_are_read(
    tmp_path: Path, issuer: Issuer, workers: int
):
    with started(tmp_path, issuer, workers=workers) as server:
        assert server.metric("mcp_calls_cancelled_by_drain_total") == 0
        sent = await cancelled_calls(server, 1)
        assert await anyio.to_thread.run_sync(server.exit_status) == 0
    assert WAITS_SECONDS < time.monotonic() - sent < DRAIN_SECONDS + WAITS_SECONDS + 5
    assert len(server.events("metrics_not_read")) == 1


async def test_a_server_whose_metrics_nobody_reads_does_not_wait(tmp_path: Path, issuer: Issuer):
    with started(tmp_path, issuer) as server:
        await cancelled_calls(server, 1)
        assert await anyio.to_thread.run_sync(server.exit_status) == 0
    assert server.events("drain_cancelled_calls")
    assert server.events("metrics_wait") == []


@pytest.mark.parametrize("workers", [1, 2])
async def test_a_second_signal_ends_the_wait(tmp_path: Path, issuer: Issuer, workers: int):
    with started(tmp_path, issuer, workers=workers, waits=60) as server:
        assert server.metric("mcp_calls_cancelled_by_drain_total") == 0
        await cancelled_calls(server, 1)
        await eventually(lambda: server.events("metrics_wait"))
        server.terminate()
        assert await anyio.to_thread.run_sync(server.exit_status) == 128 + 15
