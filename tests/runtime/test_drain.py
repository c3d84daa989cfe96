"""After SIGTERM running calls complete, streams end gracefully, and the process exits in time."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import time
from collections.abc import Generator
from pathlib import Path
from typing import Any

import anyio
import httpx2
import pytest
from mcp_types import CallToolResult

from runtime.drain import Drain
from runtime.exchange import Exchange
from tests.harness.processes import Program
from tests.harness.server import (
    ERAS,
    MODERN,
    PLAIN,
    RunningServer,
    eventually,
    fetch,
    initialize_request,
    modern_request,
    serving,
    text_of,
)
from tests.harness.tokens import Issuer

pytestmark = pytest.mark.slow

PROTOCOL = {"longest_tool_seconds": 4, "drain_seconds": 6}


@pytest.fixture
def server(servers_directory: Path, issuer: Issuer) -> Generator[RunningServer]:
    with serving(servers_directory, issuer, protocol=PROTOCOL) as running:
        yield running


async def test_calls_and_streams_in_flight_all_end_with_their_results(server: RunningServer):
    results: list[CallToolResult] = []
    steps: list[float] = []

    async def note(progress: float, total: float | None, message: str | None) -> None:
        steps.append(progress)

    async def call(era: str, tool: str, arguments: dict[str, Any]) -> None:
        async with server.client(era) as client:
            await client.list_tools()  # else the client does it after its first call
            results.append(await client.call_tool(tool, arguments, progress_callback=note))

    sent = 0.0
    async with anyio.create_task_group() as tasks:
        for era in ERAS:
            for _ in range(4):
                tasks.start_soon(call, era, "wait", {"seconds": 3})
                tasks.start_soon(call, era, "count", {"to": 10, "pause_seconds": 0.3})
        await eventually(lambda: server.metric("mcp_calls_in_flight") == 16)
        sent = server.terminate()
    status = await anyio.to_thread.run_sync(server.exit_status)
    assert [text_of(r) for r in results if r.is_error] == []
    assert len(results) == 16
    assert len(steps) == 8 * 10
    assert status == 0
    assert time.monotonic() - sent < PROTOCOL["drain_seconds"]


async def test_a_draining_server_is_not_ready_and_takes_no_new_connections(server: RunningServer):
    async with server.client("modern") as client, anyio.create_task_group() as tasks:
        await client.list_tools()
        tasks.start_soon(client.call_tool, "wait", {"seconds": 3})
        await eventually(lambda: server.metric("mcp_calls_in_flight") == 1)
        with httpx2.Client(base_url=server.base, verify=PLAIN) as kept:
            assert kept.get("/ready").status_code == 200
            server.terminate()
            await eventually(lambda: server.metric("mcp_draining") == 1)
            answer = kept.get("/ready")
            assert (answer.status_code, answer.headers["connection"]) == (503, "close")
            assert answer.json() == {"status": "draining"}
        await eventually(lambda: refuses_connections(server))
        assert server.metric("mcp_calls_in_flight") == 1
    assert await anyio.to_thread.run_sync(server.exit_status) == 0


def refuses_connections(server: RunningServer) -> bool:
    try:
        fetch(f"{server.base}/health")
    except httpx2.ConnectError:
        return True
    return False


async def test_a_call_that_does_not_end_is_cut_with_a_clear_error(
    servers_directory: Path, issuer: Issuer
):
    protocol = {"longest_tool_seconds": 3.5, "drain_seconds": 3.6}
    results: list[CallToolResult] = []
    with serving(servers_directory, issuer, protocol=protocol) as server:

        async def call(era: str) -> None:
            async with server.client(era) as client:
                results.append(await client.call_tool("wait", {"seconds": 60}))

        sent = 0.0
        async with anyio.create_task_group() as tasks:
            for era in ERAS:
                tasks.start_soon(call, era)
            await eventually(lambda: server.metric("mcp_calls_in_flight") == 2)
            sent = server.terminate()
        status = await anyio.to_thread.run_sync(server.exit_status)
    assert time.monotonic() - sent < protocol["drain_seconds"]
    assert status == 0
    assert [result.is_error for result in results] == [True, True]
    assert all("shutting down" in text_of(result) for result in results)


async def test_standing_streams_do_not_hold_up_a_drain_and_end_without_a_cut(server: RunningServer):
    ended: list[str] = []

    async def listen() -> None:
        async with (
            server.client("modern") as client,
            client.listen(tools_list_changed=True) as subscription,
        ):
            async for _ in subscription:
                pass
        ended.append("listen")

    async def read() -> None:
        await read_legacy_stream(server)
        ended.append("GET")

    sent = 0.0
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(listen)
        tasks.start_soon(read)
        await eventually(lambda: server.metric("mcp_open_streams") == 2)
        sent = server.terminate()
    assert await anyio.to_thread.run_sync(server.exit_status) == 0
    assert sorted(ended) == ["GET", "listen"]
    assert time.monotonic() - sent < 3


async def test_a_stream_ends_in_order_before_a_draining_proxy_would_cut_it(server: RunningServer):
    longest = server.config["protocol"]["longest_tool_seconds"]
    began = time.monotonic()
    async with (
        server.client("modern") as client,
        anyio.create_task_group() as tasks,
        client.listen(tools_list_changed=True) as subscription,
    ):
        tasks.start_soon(read_legacy_stream, server)
        async for _ in subscription:
            pass
        assert longest - 1 < time.monotonic() - began < longest + 2
        async with client.listen(tools_list_changed=True) as again:
            assert again.honored.tools_list_changed
    assert time.monotonic() - began < longest + 3


async def read_legacy_stream(server: RunningServer) -> None:
    """Read a session's GET stream to its end; a body that is cut raises."""
    headers = {
        "authorization": f"Bearer {server.token}",
        "accept": "application/json, text/event-stream",
    }
    async with httpx2.AsyncClient(
        base_url=server.base, headers=headers, timeout=20, verify=PLAIN
    ) as client:
        opened = await client.post("/mcp", json=initialize_request())
        session = {"mcp-session-id": opened.headers["mcp-session-id"]}
        async with client.stream("GET", "/mcp", headers=session) as stream:
            assert stream.status_code == 200
            async for _ in stream.aiter_bytes():
                pass


def test_an_idle_server_is_gone_at_once(server: RunningServer):
    sent = server.terminate()
    assert server.exit_status() == 0
    assert time.monotonic() - sent < 2
    assert [e["event"] for e in server.log()][-2:] == ["draining", "stopped"]


async def test_a_second_signal_ends_the_server_at_once(server: RunningServer):
    with httpx2.Client(base_url=server.base, verify=PLAIN) as kept:
        assert kept.get("/health").status_code == 200
        server.terminate()
        await eventually(lambda: server.metric("mcp_draining") == 1)
        server.terminate()
        assert await anyio.to_thread.run_sync(server.exit_status) == 128 + signal.SIGTERM
    assert server.log()[-1]["event"] == "stopping_at_once"


def test_sigterm_while_the_server_still_starts_ends_it_with_0(tmp_path: Path):
    config = tmp_path / "server.toml"
    os.mkfifo(config)  # reading it takes as long as the test wants
    program = Program(["--config", str(config)], tmp_path / "out", tmp_path / "err")
    try:
        with config.open("w"):
            program.signal(signal.SIGTERM)
            assert program.wait(10) == 0
    finally:
        program.kill()


async def test_a_call_on_a_kept_connection_is_not_cut_when_the_server_stops(
    servers_directory: Path, issuer: Issuer
):
    """A proxy may send one at the moment at which the drain finds nothing left to wait for."""
    begun: list[str] = []

    async def call_after(server: RunningServer, seconds: float) -> None:
        body = modern_request(
            "tools/call", name="count", arguments={"to": 12, "pause_seconds": 0.2}
        )
        body["params"]["_meta"]["progressToken"] = 1
        headers = {
            "accept": "text/event-stream, application/json",
            "authorization": f"Bearer {server.token}",
            "mcp-protocol-version": MODERN,
            "mcp-method": "tools/call",
            "mcp-name": "count",
        }
        async with httpx2.AsyncClient(base_url=server.base, verify=PLAIN) as kept:
            await kept.get("/health")
            server.terminate()
            await anyio.sleep(seconds)
            with contextlib.suppress(httpx2.TransportError):  # closed before it was sent
                async with kept.stream("POST", "/mcp", json=body, headers=headers) as answer:
                    text = ""
                    try:
                        async for part in answer.aiter_text():
                            text += part
                    finally:
                        begun.append(text)

    with contextlib.ExitStack() as servers:
        started = [
            servers.enter_context(serving(servers_directory, issuer, protocol=PROTOCOL))
            for _ in range(6)
        ]
        async with anyio.create_task_group() as tasks:
            for number, server in enumerate(started):
                tasks.start_soon(call_after, server, 0.58 + number * 0.03)
    assert begun
    assert all('"result"' in text for text in begun), [text[-200:] for text in begun]


async def test_a_stream_that_opens_while_others_end_is_ended_too():
    """A proxy may send a request on a connection that it has kept."""
    drain = Drain()
    early, late = (Exchange("POST", "/mcp", name, standing=True) for name in ("early", "late"))
    open_streams = {early}

    def end() -> None:
        for stream in open_streams:
            asyncio.get_running_loop().call_later(0.2, drain.exchanges.discard, stream)

    drain.on_standing_end.append(end)
    drain.exchanges.add(early)
    async with anyio.create_task_group() as tasks:

        async def open_late() -> None:
            await anyio.sleep(0.1)
            open_streams.add(late)
            drain.exchanges.add(late)

        tasks.start_soon(open_late)
        assert await drain.end_standing(within_seconds=5)
