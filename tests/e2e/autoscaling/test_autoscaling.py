"""An autoscaler adds and removes pods by their use of CPU while clients call; no call is lost."""

from __future__ import annotations

import time
from collections.abc import Callable, Generator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import anyio
import pytest
from mcp.shared.exceptions import MCPError
from mcp_types import CallToolResult

from components.base.problems import ProblemReport
from delivery.mcp_client import Endpoint, Era, connected
from delivery.stack_identity import StackIdentity
from tests.harness.client_load import ClientLoad
from tests.harness.deployed_platform import Platform, deployed_program
from tests.harness.server import text_of

SERVER: Final = "mcp-server"
FEWEST, MOST = 2, 4
"""Of its pods, in Pulumi.busy.yaml."""
LONG_CALLS = 5
"""Clients of each era whose calls take five seconds and little CPU: some are open at any time."""
QUICK_CALLS = 12
"""Clients that call without a pause, until there are the most pods."""
SCALES_WITHIN_SECONDS = 120


@pytest.fixture(scope="module")
def busy() -> Generator[Platform]:
    """The platform."""
    program = Path(__file__).with_name("program")
    with deployed_program(StackIdentity.of(program, "busy")) as platform:
        yield platform


@dataclass
class QuickCalls:
    """Clients that call `echo` again and again.

    Attributes:
        done: calls with their own text as the answer.
        lost: calls that ended in another way.
    """

    stop: anyio.Event = field(default_factory=anyio.Event)
    done: int = 0
    lost: list[str] = field(default_factory=list[str])

    async def call(self, endpoint: Endpoint, number: int) -> None:
        """Run one client."""
        try:
            async with connected(endpoint, Era.MODERN) as client:
                while not self.stop.is_set():
                    text = f"call {self.done} of client {number}"
                    self._count(text, await client.call_tool("echo", {"text": text}))
        except (MCPError, ProblemReport) as error:
            self.lost.append(f"client {number}: {error}")

    def _count(self, text: str, result: CallToolResult) -> None:
        if result.is_error or text_of(result) != text:
            self.lost.append(f"{text}: {result}")
        self.done += 1


@dataclass
class Watch:
    """The number of pods over time: a line for each change.

    Attributes:
        seen: names of all the server's pods so far.
    """

    platform: Platform
    began: float = field(default_factory=time.monotonic)
    seen: set[str] = field(default_factory=set[str])
    lines: list[str] = field(default_factory=list[str])

    def wanted(self) -> int:
        """How many pods the autoscaler wants."""
        pods = self.platform.pods(SERVER)
        self.seen |= {pod["metadata"]["name"] for pod in pods}
        wanted = int(self._get("deployment", SERVER)["spec"]["replicas"])
        ready = sum(is_ready(pod) for pod in pods)
        line = f"{wanted} pods wanted, {ready} ready, CPU {self.use()} of its request"
        if not self.lines or not self.lines[-1].endswith(line):
            self.lines.append(f"{time.monotonic() - self.began:6.1f} s: {line}")
        return wanted if ready >= wanted else 0

    def use(self) -> str:
        """The use of CPU that the autoscaler has last seen."""
        autoscaler = self._get("horizontalpodautoscaler", f"{SERVER}-hpa")
        metrics: list[dict[str, Any]] = autoscaler.get("status", {}).get("currentMetrics") or []
        for metric in metrics:
            current: dict[str, Any] = metric.get("resource", {}).get("current", {})
            if "averageUtilization" in current:
                return f"{current['averageUtilization']} %"
        return "unknown"

    async def until(self, condition: Callable[[int], bool], calls: QuickCalls) -> None:
        """Look once a second, until a condition on the number of ready pods holds."""
        with anyio.fail_after(SCALES_WITHIN_SECONDS):
            while not condition(await anyio.to_thread.run_sync(self.wanted)) and not calls.lost:
                await anyio.sleep(1)

    def _get(self, kind: str, name: str) -> dict[str, Any]:
        found = self.platform.kubectl.objects(f"{kind}/{name}", f"-n={self.platform.namespace}")
        return found[0] if found else {}


def is_ready(pod: dict[str, Any]) -> bool:
    conditions = pod["status"].get("conditions", [])
    return any(one["type"] == "Ready" and one["status"] == "True" for one in conditions)


async def test_pods_follow_cpu_in_both_directions_and_no_call_is_lost(busy: Platform):
    load, calls, watch = ClientLoad(busy.endpoints_of_users()), QuickCalls(), Watch(busy)
    await watch.until(lambda pods: pods == FEWEST, calls)
    first = set(watch.seen)
    served: dict[str, float] = {}
    try:
        async with anyio.create_task_group() as clients:
            for era in Era:
                for _ in range(LONG_CALLS):
                    clients.start_soon(load.call, era)
            for number, endpoint in zip(
                range(QUICK_CALLS), busy.endpoints_of_users(), strict=False
            ):
                clients.start_soon(calls.call, endpoint, number)
            await watch.until(lambda pods: pods == MOST, calls)
            await anyio.sleep(10)  # the new pods get calls
            served = await anyio.to_thread.run_sync(tool_calls, busy)
            calls.stop.set()
            await watch.until(lambda pods: pods == FEWEST, calls)
            gone = await anyio.to_thread.run_sync(are_gone, busy, watch.seen)
            assert gone
            load.stop.set()
    finally:
        print(*watch.lines, sep="\n")
        print(f"{calls.done} quick calls, {load.account.calls} long calls")
        print(*calls.lost, *load.account.lost, sep="\n")
    assert calls.lost == []
    assert load.account.lost == []
    assert calls.done > 500
    assert load.account.calls > 2 * LONG_CALLS
    added = {name: count for name, count in served.items() if name not in first}
    assert len(added) == MOST - FEWEST
    assert min(added.values()) > 0, served


def tool_calls(platform: Platform) -> dict[str, float]:
    """How many tool calls each pod has answered, by its own count."""
    ask = (
        "import urllib.request as r; print(sum(float(l.rsplit(' ', 1)[1]) for l in "
        "r.urlopen('http://127.0.0.1:9090/metrics').read().decode().splitlines() "
        "if l.startswith('mcp_tool_requests_total{')))"
    )
    return {
        pod["metadata"]["name"]: float(platform.run_in(pod, "python3", "-c", ask))
        for pod in platform.pods(SERVER)
    }


def are_gone(platform: Platform, seen: set[str]) -> bool:
    """Waits until only the fewest pods are left: those that were removed have drained."""
    deadline = time.monotonic() + 90
    while time.monotonic() < deadline:
        left = {pod["metadata"]["name"] for pod in platform.pods()} & seen
        if len(left) == FEWEST:
            return True
        time.sleep(1)
    return False
