"""A draining server begins calls while it can finish them, and then closes its connections."""

from __future__ import annotations

import asyncio
import json
import socket
import time
from pathlib import Path

import anyio
import httpx2
import pytest

from runtime.connections import NOT_BEGUN
from runtime.listeners import KEPT_SECONDS
from tests.harness.server import (
    MODERN,
    PLAIN,
    RunningServer,
    eventually,
    modern_request,
    serving,
)
from tests.harness.tokens import Issuer

pytestmark = pytest.mark.slow

PROTOCOL = {"longest_tool_seconds": 2, "drain_seconds": 7}
CANCELLED_AFTER = 7 - 7 / 4
"""Seconds from SIGTERM on, as docs/reference/server.md says; in a short drain a quarter is left."""
NEARLY_LONGEST = 1.9
LONGER = {"longest_tool_seconds": 4, "drain_seconds": 6}


async def call(server: RunningServer) -> str:
    """The whole answer of a long call that has a connection of its own."""
    body = modern_request("tools/call", name="wait", arguments={"seconds": NEARLY_LONGEST})
    headers = {
        "accept": "text/event-stream, application/json",
        "authorization": f"Bearer {server.token}",
        "mcp-protocol-version": MODERN,
        "mcp-method": "tools/call",
        "mcp-name": "wait",
    }
    async with httpx2.AsyncClient(base_url=server.base, verify=PLAIN, timeout=20) as client:
        return (await client.post("/mcp", json=body, headers=headers)).text


async def test_connections_are_accepted_while_their_calls_can_be_finished(
    tmp_path: Path, issuer: Issuer
):
    """A load balancer that removes the server late still sends some."""
    answers: list[str] = []
    with serving(tmp_path, issuer, protocol=PROTOCOL) as server:

        async def counted() -> None:
            answers.append(await call(server))

        sent = server.terminate()
        refused = 0.0
        async with anyio.create_task_group() as calls:
            while not refused:
                try:
                    socket.create_connection(("127.0.0.1", server.config["server"]["port"])).close()
                    calls.start_soon(counted)
                except ConnectionRefusedError:
                    refused = time.monotonic() - sent
                await anyio.sleep(0.1)
        assert await anyio.to_thread.run_sync(server.exit_status) == 0
    assert refused == pytest.approx(CANCELLED_AFTER - PROTOCOL["longest_tool_seconds"], abs=0.5)
    assert len(answers) > 10
    assert [answer for answer in answers if '"isError":false' not in answer] == []
    assert server.events("drain_cancelled_calls") == []


async def test_unused_connections_are_closed_while_a_call_is_in_progress(
    tmp_path: Path, issuer: Issuer
):
    with serving(tmp_path, issuer, protocol=LONGER) as server:
        address = ("127.0.0.1", server.config["server"]["port"])
        with socket.create_connection(address, timeout=5) as unused:
            async with anyio.create_task_group() as calls:
                calls.start_soon(call, server)
                await eventually(lambda: server.metric("mcp_calls_in_flight") == 1)
                sent = server.terminate()
                unused.setblocking(False)
                assert await eventually(lambda: received(unused), 5) == NOT_BEGUN
                assert time.monotonic() - sent < 1.5
                assert server.metric("mcp_calls_in_flight") == 1


def received(connection: socket.socket) -> bytes:
    try:
        return connection.recv(4096)
    except BlockingIOError:
        return b""


async def test_a_connection_closes_after_the_stream_that_was_in_progress(
    tmp_path: Path, issuer: Issuer
):
    """Its head says that it stays open. A proxy could use it when the server closes unused ones."""
    body = modern_request("tools/call", name="count", arguments={"to": 2, "pause_seconds": 0.3})
    body["params"]["_meta"]["progressToken"] = 1
    content = json.dumps(body).encode()
    head = (
        "POST /mcp HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"
        "Accept: text/event-stream, application/json\r\n"
        "Mcp-Method: tools/call\r\nMcp-Name: count\r\n"
        f"MCP-Protocol-Version: {MODERN}\r\nContent-Length: {len(content)}\r\n"
    )
    with serving(tmp_path, issuer, protocol=PROTOCOL) as server:
        port = server.config["server"]["port"]
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(f"{head}Authorization: Bearer {server.token}\r\n\r\n".encode() + content)
        answer = await reader.readuntil(b"notifications/progress")
        assert b"connection: close" not in answer.lower()
        sent = server.terminate()
        async with asyncio.timeout(10):
            answer += await reader.read()
        ended = time.monotonic() - sent
        writer.close()
    assert b'"isError":false' in answer
    assert answer.endswith(b"\r\n0\r\n\r\n" + NOT_BEGUN)
    assert ended < KEPT_SECONDS - 0.5
