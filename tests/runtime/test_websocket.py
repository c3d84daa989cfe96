"""MCP over WebSockets has the same tools, tokens and limits as over POST."""

from __future__ import annotations

import json
import signal
import time
from pathlib import Path
from typing import Any

import anyio
import pytest
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidStatus

from runtime.websocket import STOPPING
from tests.harness.server import (
    RunningServer,
    eventually,
    initialize_request,
    modern_request,
    serving,
)
from tests.harness.tokens import Issuer


def opened(server: RunningServer, token: str | None = None, **headers: str) -> connect:
    """A connection to be entered, as the server's usual bearer unless told otherwise."""
    bearer = {"authorization": f"Bearer {server.token if token is None else token}"}
    url = f"{server.plain.replace('http', 'ws')}/ws"
    return connect(url, additional_headers=bearer | headers, proxy=None)


def call(identity: int, tool: str, progress: bool = False, **arguments: Any) -> str:
    request: dict[str, Any] = modern_request("tools/call", name=tool, arguments=arguments)
    request["id"] = identity
    if progress:
        request["params"]["_meta"] |= {"progressToken": identity}
    return json.dumps(request)


async def received(connection: ClientConnection) -> dict[str, Any]:
    with anyio.fail_after(10):
        return json.loads(await connection.recv())


async def close_of(connection: ClientConnection) -> tuple[int, str] | None:
    """With what the server closes the connection, without another word."""
    with pytest.raises(ConnectionClosed) as closed:
        await received(connection)
    return (closed.value.rcvd.code, closed.value.rcvd.reason) if closed.value.rcvd else None


def text_in(answer: dict[str, Any]) -> str:
    return answer["result"]["content"][0]["text"]


async def test_a_frame_is_answered_by_a_frame(dual: RunningServer):
    async with opened(dual) as connection:
        await connection.send(json.dumps(modern_request("tools/list")))
        tools = (await received(connection))["result"]["tools"]
        await connection.send(call(8, "echo", text="häl"))
        answer = await received(connection)
    assert {"echo", "wait"} <= {tool["name"] for tool in tools}
    assert (answer["id"], text_in(answer)) == (8, "häl")


async def test_progress_comes_as_frames_of_its_own(dual: RunningServer):
    async with opened(dual) as connection:
        await connection.send(call(1, "count", progress=True, to=3, pause_seconds=0.05))
        frames = [await received(connection) for _ in range(4)]
    assert [frame["params"]["progress"] for frame in frames[:3]] == [1, 2, 3]
    assert text_in(frames[3]) == "counted to 3"


async def test_messages_are_worked_on_side_by_side(dual: RunningServer):
    async with opened(dual) as connection:
        await connection.send(call(1, "wait", seconds=0.5))
        await connection.send(call(2, "echo", text="first"))
        assert [(await received(connection))["id"] for _ in range(2)] == [2, 1]


async def test_a_message_that_is_cancelled_is_worked_on_no_more(long_server: RunningServer):
    cancelled = {"jsonrpc": "2.0", "method": "notifications/cancelled", "params": {"requestId": 1}}
    async with opened(long_server) as connection:
        await connection.send(call(1, "wait", seconds=50))
        await eventually(lambda: long_server.metric("mcp_calls_in_flight") == 1)
        await connection.send(json.dumps(cancelled))
        await eventually(lambda: long_server.metric("mcp_calls_in_flight") == 0)
        await connection.send(call(2, "echo", text="still here"))
        assert text_in(await received(connection)) == "still here"


async def test_a_disconnect_cancels_the_calls_of_the_client(long_server: RunningServer):
    async with opened(long_server) as connection:
        await connection.send(call(1, "wait", seconds=50))
        await eventually(lambda: long_server.metric("mcp_calls_in_flight") == 1)
        assert long_server.metric("websocket_connections") == 1
    await eventually(lambda: long_server.metric("mcp_calls_in_flight") == 0)
    assert long_server.metric("websocket_connections") == 0


@pytest.mark.parametrize(
    ("frame", "code"),
    [
        ("", -32700),
        ("{", -32700),
        ("[" * 9999, -32700),
        ("[]", -32600),
        ("null", -32600),
        (b"\x00", -32700),
        (json.dumps({"jsonrpc": "2.0", "id": 7, "method": "tools/list"}), -32602),
        (json.dumps(modern_request("made/up")), -32601),
        (json.dumps(modern_request("grüße")), -32020),
        (json.dumps(modern_request("tools/list") | {"id": []}), -32600),
    ],
)
async def test_an_invalid_message_is_answered_with_a_json_rpc_error(
    dual: RunningServer, frame: str | bytes, code: int
):
    async with opened(dual) as connection:
        await connection.send(frame)
        assert (await received(connection))["error"]["code"] == code
        await connection.send(call(8, "echo", text="x"))
        assert text_in(await received(connection)) == "x"


async def test_an_id_in_use_is_refused(dual: RunningServer):
    async with opened(dual) as connection:
        await connection.send(call(1, "wait", seconds=0.5))
        await connection.send(call(1, "echo", text="x"))
        refusal = await received(connection)
        assert refusal["error"]["message"] == "a request with the id 1 is still open"
        assert refusal["id"] is None
        assert text_in(await received(connection)) == "waited 0.5 s"


async def test_no_connection_makes_more_work_than_its_share(long_server: RunningServer):
    async with opened(long_server) as connection:
        for identity in range(33):
            await connection.send(call(identity, "wait", seconds=50))
        refused = await received(connection)
    assert (refused["id"], "try again" in refused["error"]["message"]) == (32, True)
    await eventually(lambda: long_server.metric("mcp_calls_in_flight") == 0)


async def test_a_frame_beyond_the_limit_closes_the_connection(dual: RunningServer):
    async with opened(dual) as connection:
        await connection.send("x" * (4 * 1024 * 1024 + 1))
        found = await close_of(connection)
    assert found is not None
    assert found[0] == 1009


async def test_without_a_token_no_connection_is_opened(dual: RunningServer):
    with pytest.raises(InvalidStatus) as refused:
        async with opened(dual, token=""):
            pass
    answer = refused.value.response
    assert answer.status_code == 401
    assert "resource_metadata=" in answer.headers["www-authenticate"]


async def test_a_page_of_another_origin_opens_no_connection(dual: RunningServer):
    with pytest.raises(InvalidStatus) as refused:
        async with opened(dual, origin="https://evil.test"):
            pass
    assert refused.value.response.status_code == 403


@pytest.mark.slow
async def test_a_token_that_expires_ends_what_its_connection_may_do(
    dual: RunningServer, issuer: Issuer
):
    async with opened(dual, token=issuer.token(lives_seconds=-4)) as connection:  # 10 s leeway
        refused: dict[str, Any] = {}
        with anyio.fail_after(15):
            while "error" not in refused:
                await connection.send(call(1, "echo", text="x"))
                refused = await received(connection)
    assert "the token has expired" in refused["error"]["message"]


async def test_a_legacy_server_has_no_websocket(tmp_path: Path, issuer: Issuer):
    with (
        serving(tmp_path, issuer, protocol={"era": "legacy"}) as server,
        pytest.raises(InvalidStatus),
    ):
        await opened(server)


@pytest.mark.slow
async def test_a_drain_waits_for_calls_and_then_closes_idle_connections(
    tmp_path: Path, issuer: Issuer
):
    with serving(tmp_path, issuer) as server:
        async with opened(server) as busy, opened(server) as idle:
            await busy.send(call(1, "wait", seconds=1.5))
            await eventually(lambda: server.metric("mcp_calls_in_flight") == 1)
            server.program.signal(signal.SIGTERM)
            assert text_in(await received(busy)) == "waited 1.5 s"
            for connection in (busy, idle):
                assert await close_of(connection) == (1012, STOPPING)
        assert await anyio.to_thread.run_sync(server.program.wait, 8) == 0


@pytest.mark.slow
async def test_a_draining_server_takes_no_new_message_of_a_busy_connection(
    tmp_path: Path, issuer: Issuer
):
    """Else a client that never pauses would keep the server until its drain cuts a call."""
    with serving(tmp_path, issuer) as server:
        async with opened(server) as busy:
            await busy.send(call(1, "wait", seconds=2))
            await eventually(lambda: server.metric("mcp_calls_in_flight") == 1)
            began = time.monotonic()
            server.program.signal(signal.SIGTERM)
            await eventually(lambda: server.metric("mcp_draining") == 1)
            await busy.send(call(2, "wait", seconds=2))
            refused = await received(busy)
            assert (refused["id"], refused["error"]["message"]) == (2, STOPPING)
            assert text_in(await received(busy)) == "waited 2 s"
            assert await close_of(busy) == (1012, STOPPING)
        assert await anyio.to_thread.run_sync(server.program.wait, 8) == 0
    assert time.monotonic() - began < 5


async def test_a_message_that_fails_leaves_the_others_of_its_connection(
    long_server: RunningServer,
):
    no_text = json.dumps(modern_request("\ud800") | {"id": 2})
    async with opened(long_server) as connection:
        await connection.send(call(1, "wait", seconds=1))
        await connection.send(no_text)
        failed = await received(connection)
        assert (failed["id"], failed["error"]["code"]) == (2, -32603)
        assert text_in(await received(connection)) == "waited 1 s"


async def test_a_handshake_of_another_era_is_refused(dual: RunningServer):
    async with opened(dual) as connection:
        request = initialize_request()
        request["params"]["_meta"] = {"io.modelcontextprotocol/protocolVersion": "2025-06-18"}
        await connection.send(json.dumps(request))
        refused = await received(connection)
    assert refused["error"]["code"] == -32022


async def test_a_client_that_vanishes_leaves_no_trace_of_a_crash(long_server: RunningServer):
    async with opened(long_server) as connection:
        for _ in range(300):
            await connection.send("{")
        connection.transport.abort()
    await eventually(lambda: long_server.metric("websocket_connections") == 0)
    assert "Traceback" not in long_server.log_file.read_text()
