"""Restarts of every user server at once, and of a program behind the bridge."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Generator
from dataclasses import dataclass, field

import anyio
import pytest
from mcp.shared.exceptions import MCPError
from mcp_types import CallToolResult

from components.base.problems import ProblemReport
from delivery.mcp_client import Endpoint, Era, connected
from tests.e2e.user_servers.test_user_servers import said, server
from tests.harness.deployed_platform import Platform
from tests.harness.server import eventually

TOOLS = {"weather": "slow", "notes": "slow", "counter": "count"}
"""The tool of each server that takes its time."""
SECONDS = 3
"""Of each call: longer than nginx waits before it closes connections, so that calls are open."""
CLIENTS = 4
"""Of each kind."""
UNKNOWN_SESSION = re.compile("Session not found|Session terminated(?! before)")
"""How a client learns that a server no longer has its session: a call is refused with 404."""


KILL = """
import os, signal, sys
from pathlib import Path
begun = Path("/tmp/begun")
if not begun.exists():
    sys.exit(1)
begun.unlink()
for process in Path("/proc").glob("[0-9]*"):
    words = (process / "cmdline").read_text().split("\\0")
    if "/etc/notes/server.py" in words and "bridge" not in words:
        os.kill(int(process.name), signal.SIGKILL)
"""
"""Ends the program behind the bridge once it has a call."""


@dataclass
class Calls:
    """What clients of servers that are restarted have seen.

    Attributes:
        done: calls that were answered.
        sessions: that were begun.
        lost: calls that failed in another way than by the end of their session.
    """

    stop: anyio.Event = field(default_factory=anyio.Event)
    done: int = 0
    sessions: int = 0
    lost: list[str] = field(default_factory=list[str])

    async def over_one_connection(self, endpoint: Endpoint, era: Era, tool: str) -> None:
        """Call again and again: every call must be answered."""
        with self._recorded(f"{era.value} {tool}"):
            async with connected(endpoint, era) as client:
                while not self.stop.is_set():
                    result = await client.call_tool(tool, {"seconds": SECONDS})
                    self._answered(f"{era.value} {tool}", result)

    async def in_sessions(self, endpoint: Endpoint, tool: str) -> None:
        """Call in a session, and begin another one when the server no longer knows it.

        Sessions of these servers are in the memory of their pods.
        """
        while not self.stop.is_set():
            with self._recorded(f"session {tool}", but=UNKNOWN_SESSION):
                async with connected(endpoint, Era.LEGACY) as client:
                    self.sessions += 1
                    while not self.stop.is_set():
                        result = await client.call_tool(tool, {"seconds": SECONDS})
                        self._answered(f"session {tool}", result)

    @contextlib.contextmanager
    def _recorded(self, call: str, but: re.Pattern[str] | None = None) -> Generator[None]:
        """Records errors of the block; those whose text has `but` only end it."""
        try:
            yield
        except (MCPError, ProblemReport) as error:
            if but is None or not but.search(str(error)):
                self.lost.append(f"{call}: {error}")

    def _answered(self, call: str, result: CallToolResult) -> None:
        self.done += 1
        if result.is_error:
            self.lost.append(f"{call}: {result.content}")


async def test_a_restart_of_every_server_loses_no_call(own: Platform):
    calls = Calls()
    old = {pod["metadata"]["name"] for name in TOOLS for pod in own.pods(name)}
    started = done = sessions = 0
    async with anyio.create_task_group() as clients:
        for name, tool in TOOLS.items():
            for number in range(CLIENTS):
                endpoint = server(own, name, subject=f"user-{number}", scope="weather.read")
                clients.start_soon(calls.in_sessions, endpoint, tool)
                started += 1
                if name != "counter":
                    clients.start_soon(calls.over_one_connection, endpoint, Era.MODERN, tool)
                    started += 1
            for era in Era:
                listed = own.endpoint(scope="weather.read")
                clients.start_soon(calls.over_one_connection, listed, era, f"{name}__{tool}")
                started += 1
        await eventually(lambda: calls.done >= 2 * started or calls.lost, 120)
        done, sessions = calls.done, calls.sessions
        await anyio.to_thread.run_sync(restart, own)
        with anyio.fail_after(240):
            while old & await anyio.to_thread.run_sync(names, own):
                await anyio.sleep(1)
        gone = calls.done
        await eventually(lambda: calls.done >= gone + 2 * started or calls.lost, 120)
        calls.stop.set()
    print(f"{calls.done} calls ({calls.done - done} since the restart), {calls.sessions} sessions")
    assert calls.lost == []
    assert sessions == CLIENTS * len(TOOLS)
    assert calls.sessions > sessions


def restart(platform: Platform) -> None:
    """Replace the pods of every server at the same time."""
    servers = [f"deployment/{name}" for name in TOOLS]
    platform.kubectl.must("rollout", "restart", *servers, f"-n={platform.namespace}")


def names(platform: Platform) -> set[str]:
    return {pod["metadata"]["name"] for pod in platform.pods()}


@pytest.mark.parametrize("era", list(Era))
async def test_a_call_whose_program_is_killed_is_an_error_and_the_next_call_is_answered(
    own: Platform, era: Era
):
    async with connected(server(own, "notes"), era) as client:
        async with anyio.create_task_group() as tasks:

            async def killed() -> None:
                with pytest.raises(MCPError, match=r"ended by signal 9|closed its stdout"):
                    await client.call_tool("slow", {"seconds": 25})

            tasks.start_soon(killed)
            with anyio.fail_after(20):
                while not await anyio.to_thread.run_sync(kill_program, own):
                    await anyio.sleep(0.2)
        assert said(await client.call_tool("note", {"text": "c"})) == "noted: c"
    with anyio.fail_after(60):
        while not await is_served_to_all(own):
            await anyio.sleep(0.5)


async def is_served_to_all(own: Platform) -> bool:
    """Whether the program that clients without sessions share is there again.

    It was killed, too. The bridge starts it again after a pause when it ends several times.
    """
    try:
        async with connected(server(own, "notes"), Era.MODERN) as client:
            return bool((await client.list_tools()).tools)
    except ProblemReport:
        return False


def kill_program(platform: Platform) -> bool:
    """End the program of the server notes in a call; False if it has none yet."""
    (pod,) = platform.pods("notes")
    where = (f"-n={platform.namespace}", pod["metadata"]["name"], "-c=server", "-i")
    return platform.kubectl.run("exec", *where, "--", "python3", "-", stdin=KILL).ok
