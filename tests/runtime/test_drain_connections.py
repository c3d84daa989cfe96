"""A draining server begins calls while it can finish them, and then closes its connections."""

from __future__ import annotations

import asyncio
import json
import socket
import time
from pathlib import Path
from typing import Any

import anyio
import pytest

from runtime.connections import NOT_BEGUN
from runtime.listeners import FIRST_REQUEST_SECONDS, KEPT_SECONDS
from tests.harness.server import (
    MODERN,
    RunningServer,
    eventually,
    modern_request,
    serving,
)
from tests.harness.tokens import Issuer

pytestmark = pytest.mark.slow

PROTOCOL = {"longest_tool_seconds": 3, "drain_seconds": 8}
CANCELLED_AFTER = 8 - 8 / 4
"""Seconds from SIGTERM on, as docs/reference/server.md says; in a short drain a quarter is left."""
LATEST = CANCELLED_AFTER - PROTOCOL["longest_tool_seconds"]
"""Seconds from SIGTERM on, until which calls begin."""
LONG = 2.5
LONGER = {"longest_tool_seconds": 4, "drain_seconds": 6}


def tool_call(server: RunningServer, name: str, **arguments: Any) -> bytes:
    """A whole request that calls a tool, with its progress."""
    body = modern_request("tools/call", name=name, arguments=arguments)
    body["params"]["_meta"]["progressToken"] = 1
    content = json.dumps(body).encode()
    head = (
        "POST /mcp HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"
        "Accept: text/event-stream, application/json\r\n"
        f"Mcp-Method: tools/call\r\nMcp-Name: {name}\r\n"
        f"MCP-Protocol-Version: {MODERN}\r\nContent-Length: {len(content)}\r\n"
        f"Authorization: Bearer {server.token}\r\n\r\n"
    )
    return head.encode() + content


def opened(server: RunningServer) -> socket.socket:
    """A new connection to the server."""
    return socket.create_connection(("127.0.0.1", server.config["server"]["port"]), timeout=20)


async def answer(connection: socket.socket, request: bytes) -> bytes:
    """All that follows this request until the server closes the connection."""
    reader, writer = await asyncio.open_connection(sock=connection)
    writer.write(request)
    received = await reader.read()
    writer.close()
    return received


@pytest.mark.parametrize("first_request_after", [0.0, 0.15])
async def test_connections_are_accepted_while_their_calls_can_be_finished(
    tmp_path: Path, issuer: Issuer, first_request_after: float
):
    """A load balancer that removes the server late still sends some.

    Each connection that is open for its client brings a result, also the last ones.
    """
    answers: list[bytes] = []
    with serving(tmp_path, issuer, protocol=PROTOCOL) as server:
        request = tool_call(server, "wait", seconds=LONG)

        async def call(connection: socket.socket) -> None:
            await anyio.sleep(first_request_after)
            answers.append(await answer(connection, request))

        sent = server.terminate()
        refused = 0.0
        async with anyio.create_task_group() as calls:
            while not refused:
                try:
                    calls.start_soon(call, opened(server))
                except ConnectionRefusedError:
                    refused = time.monotonic() - sent
                await anyio.sleep(0.05)
        assert await anyio.to_thread.run_sync(server.exit_status) == 0
    assert refused == pytest.approx(LATEST - FIRST_REQUEST_SECONDS, abs=0.5)
    assert len(answers) > 20
    assert [answer for answer in answers if b'"isError":false' not in answer] == []
    assert server.events("drain_cancelled_calls") == []


async def test_unused_connections_are_closed_while_a_call_is_in_progress(
    tmp_path: Path, issuer: Issuer
):
    with serving(tmp_path, issuer, protocol=LONGER) as server, opened(server) as unused:
        async with anyio.create_task_group() as calls:
            calls.start_soon(answer, opened(server), tool_call(server, "wait", seconds=LONG))
            await eventually(lambda: server.metric("mcp_calls_in_flight") == 1)
            sent = server.terminate()
            unused.setblocking(False)
            assert await eventually(lambda: arrived(unused), 5) == NOT_BEGUN
            assert time.monotonic() - sent < 1.5
            assert server.metric("mcp_calls_in_flight") == 1


def arrived(connection: socket.socket) -> bytes:
    try:
        return connection.recv(4096)
    except BlockingIOError:
        return b""


async def test_a_connection_closes_after_the_stream_that_was_in_progress(
    tmp_path: Path, issuer: Issuer
):
    """Its head says that it stays open. A proxy could use it when the server closes unused ones."""
    with serving(tmp_path, issuer, protocol=PROTOCOL) as server:
        reader, writer = await asyncio.open_connection(sock=opened(server))
        writer.write(tool_call(server, "count", to=2, pause_seconds=0.3))
        received = await reader.readuntil(b"notifications/progress")
        assert b"connection: close" not in received.lower()
        sent = server.terminate()
        async with asyncio.timeout(10):
            received += await reader.read()
        ended = time.monotonic() - sent
        writer.close()
    assert b'"isError":false' in received
    assert received.endswith(b"\r\n0\r\n\r\n" + NOT_BEGUN)
    assert ended < KEPT_SECONDS - 0.5
