"""KEDA scales the pods of a stack by the metrics of a real server, through a real Prometheus."""

from __future__ import annotations

import contextlib
import time
from collections.abc import AsyncGenerator, Callable

import anyio

from tests.controllers.scaled_stack import CORE, STREAMS, Sample, ScaledStack
from tests.harness.prometheus import Prometheus
from tests.harness.server import RunningServer

WORKLOAD = "mcp-core"
STREAMS_OF_CORE = f'sum(mcp_open_streams{{pod=~"{WORKLOAD}-.*"}})'
SCALES_WITHIN_SECONDS = 90
"""An autoscaler looks every 15 s; Prometheus scrapes every second."""
FALLS_BACK_WITHIN_SECONDS = 180
"""Four queries that failed; an autoscaler and KEDA's own loop query every 15 s and 30 s."""

HELD_SECONDS = 40
"""Longer than two looks of the autoscaler."""


@contextlib.asynccontextmanager
async def open_streams(server: RunningServer, number: int) -> AsyncGenerator[None]:
    """Hold this many streams of the official client open."""
    async with contextlib.AsyncExitStack() as held:
        for _ in range(number):
            client = await held.enter_async_context(server.client())
            await held.enter_async_context(client.listen(tools_list_changed=True))
        yield


async def scaled(
    stack: ScaledStack, until: Callable[[], bool], within_seconds: float
) -> list[Sample]:
    """Samples of the number of pods until a condition holds, or the time is over."""

    def watch() -> list[Sample]:
        seen: list[Sample] = []
        for sample in stack.watched(WORKLOAD, within_seconds):
            seen.append(sample)
            if until():
                return [*seen, Sample(sample.seconds, stack.pods(WORKLOAD))]
        shown(seen)
        print(f"not within {within_seconds} s:", stack.autoscaler(WORKLOAD)["status"])
        return seen

    return await anyio.to_thread.run_sync(watch)


def shown(samples: list[Sample]) -> None:
    """Prints the times at which the number of pods changed."""
    pods = 0
    for sample in samples:
        if sample.pods != pods:
            print(f"{sample.seconds:6.1f} s: {sample.pods} pods of {WORKLOAD}")
            pods = sample.pods


async def test_the_number_of_pods_follows_open_streams_in_both_directions(
    stack: ScaledStack, server: RunningServer, prometheus: Prometheus
):
    few, many = CORE["min"], 4
    before = await scaled(stack, lambda: stack.pods(WORKLOAD) == few, SCALES_WITHIN_SECONDS)
    async with open_streams(server, many * STREAMS):
        out = await scaled(stack, lambda: stack.pods(WORKLOAD) == many, SCALES_WITHIN_SECONDS)
        open_at_most = prometheus.value(STREAMS_OF_CORE)
    assert open_at_most == many * STREAMS
    assert out[-1].pods == many
    back = await scaled(stack, lambda: stack.pods(WORKLOAD) == few, SCALES_WITHIN_SECONDS)
    shown([*before, *out, *back])
    assert (before[-1].pods, back[-1].pods) == (few, few)
    assert max(sample.pods for sample in [*out, *back]) == many


async def test_without_prometheus_no_pods_are_removed(
    stack: ScaledStack, server: RunningServer, prometheus: Prometheus
):
    many = CORE["max"] - 1

    def falls_back() -> bool:
        return stack.condition(WORKLOAD, "Fallback").get("status") == "True"

    async with open_streams(server, many * STREAMS):
        out = await scaled(stack, lambda: stack.pods(WORKLOAD) == many, SCALES_WITHIN_SECONDS)
        prometheus.stop()
    assert out[-1].pods == many
    try:
        lost = await scaled(stack, falls_back, FALLS_BACK_WITHIN_SECONDS)
        assert falls_back()
        end = time.monotonic() + HELD_SECONDS
        held = await scaled(stack, lambda: time.monotonic() > end, 2 * HELD_SECONDS)
    finally:
        prometheus.start()
    shown([*lost, *held])
    assert {sample.pods for sample in [*lost, *held]} == {many}
    few = CORE["min"]
    back = await scaled(stack, lambda: stack.pods(WORKLOAD) == few, SCALES_WITHIN_SECONDS)
    assert back[-1].pods == few
    assert not falls_back()
