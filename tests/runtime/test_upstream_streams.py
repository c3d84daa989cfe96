"""Time limits, streams, failures and the drain of a front and the program behind it."""

from __future__ import annotations

import contextlib
import json
import re
import threading
import time
from collections.abc import AsyncGenerator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import anyio
import httpx2
import pytest
from mcp_types import CallToolResult
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse

from tests.harness.front import Made, admitted, in_front
from tests.harness.server import (
    ERAS,
    eventually,
    fetch,
    modern_request,
    text_of,
    until,
)
from tests.harness.tokens import Issuer
from tests.harness.user_server import running
from tests.harness.weather_server import weather


@pytest.mark.slow
@pytest.mark.parametrize("era", ERAS)
async def test_a_cancelled_call_ends_in_the_program(tmp_path: Path, issuer: Issuer, era: str):
    begun, ended = anyio.Event(), anyio.Event()
    server = weather()

    @server.tool()
    async def long() -> str:
        begun.set()
        try:
            await anyio.sleep(60)
        finally:
            ended.set()
        return "done"

    protocol = {"longest_tool_seconds": 60, "drain_seconds": 65}
    with (
        running(server) as upstream,
        in_front(tmp_path, issuer, upstream.port, protocol=protocol) as proxy,
    ):
        async with proxy.client(era, admitted(issuer)) as client:
            await client.list_tools()
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(client.call_tool, "long")
                await eventually(begun.is_set)
                tasks.cancel_scope.cancel()
            await eventually(ended.is_set)
            await eventually(lambda: proxy.metric("mcp_calls_in_flight") == 0)


@pytest.mark.slow
def test_a_call_that_runs_too_long_is_an_error_with_its_id(tmp_path: Path, issuer: Issuer):
    async def events(_: Request) -> Response:
        async def parts() -> AsyncGenerator[bytes]:
            yield b": here\n\n"
            await anyio.sleep(60)

        return StreamingResponse(parts(), media_type="text/event-stream")

    async def nothing(_: Request) -> Response:
        await anyio.sleep(60)
        return Response()

    protocol = {"longest_tool_seconds": 0.5, "drain_seconds": 3}
    for made, status in ((events, 200), (nothing, 504)):
        with (
            running(Made(made)) as upstream,
            in_front(tmp_path, issuer, upstream.port, protocol=protocol) as server,
        ):
            answer = server.post_modern("tools/call", token=admitted(issuer), name="x")
            assert answer.status_code == status
            (said,) = re.findall(r"\{.*\}", answer.text)
            assert json.loads(said)["id"] == 7
            assert "longest allowed" in json.loads(said)["error"]["message"]


async def test_events_arrive_as_they_are_sent(tmp_path: Path, issuer: Issuer):
    onward = anyio.Event()

    async def events(_: Request) -> Response:
        async def parts() -> AsyncGenerator[bytes]:
            yield b"data: 1\n\n"
            while not onward.is_set():  # the server is in another thread
                await anyio.sleep(0.01)
            yield b"data: 2\n\n"

        return StreamingResponse(parts(), media_type="text/event-stream")

    with running(Made(events)) as upstream, in_front(tmp_path, issuer, upstream.port) as server:
        sent = {"authorization": f"Bearer {admitted(issuer)}"}
        async with (
            httpx2.AsyncClient(verify=server.verify, headers=sent) as client,
            client.stream("GET", f"{server.base}/mcp") as answer,
        ):
            lines = answer.aiter_lines()
            assert await anext(lines) == "data: 1"
            onward.set()
            assert [line async for line in lines if line] == ["data: 2"]


def test_streams_of_a_user_are_limited_however_they_are_opened(tmp_path: Path, issuer: Issuer):
    ended = threading.Event()

    async def events(_: Request) -> Response:
        async def parts() -> AsyncGenerator[bytes]:
            yield b": here\n\n"
            while not ended.is_set():  # the server is in another thread
                await anyio.sleep(0.01)

        return StreamingResponse(parts(), media_type="text/event-stream")

    with (
        running(Made(events)) as upstream,
        in_front(tmp_path, issuer, upstream.port, limits={"streams_per_user": 2}) as server,
        httpx2.Client(verify=server.verify) as client,
        contextlib.ExitStack() as open_streams,
    ):
        open_streams.callback(ended.set)

        def opened(method: str, user: str = "ada") -> httpx2.Response:
            sent = {"authorization": f"Bearer {admitted(issuer, sub=user)}"}
            body = modern_request("subscriptions/listen") if method == "POST" else None
            asked = client.stream(method, f"{server.base}/mcp", json=body, headers=sent)
            return open_streams.enter_context(asked)

        statuses = [opened(method).status_code for method in ("POST", "GET", "POST", "GET")]
        assert statuses == [200, 200, 429, 429]
        assert opened("POST", "grace").status_code == 200


def test_an_answer_with_a_status_that_http_does_not_have_is_an_error(
    tmp_path: Path, issuer: Issuer
):
    class Odd(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.send_response(999)
            self.send_header("Content-Length", "0")
            self.end_headers()

    with ThreadingHTTPServer(("127.0.0.1", 0), Odd) as program:
        serving_it = threading.Thread(target=program.serve_forever)
        serving_it.start()
        with in_front(tmp_path, issuer, program.server_port) as server:
            said = server.post_modern("tools/list", token=admitted(issuer))
        program.shutdown()
        serving_it.join()
    assert (said.status_code, said.json()["id"]) == (502, 7)


@pytest.mark.slow
def test_it_is_ready_while_the_program_says_that_it_is_healthy(tmp_path: Path, issuer: Issuer):
    asked: list[str] = []

    async def answer(request: Request) -> Response:
        asked.append(request.url.path)
        return JSONResponse({}, 200 if len(asked) < 2 else 500)

    with (
        running(Made(answer)) as upstream,
        in_front(tmp_path, issuer, upstream.port, upstream={"health": "/healthz"}) as server,
    ):
        until(lambda: fetch(f"{server.plain}/ready").status_code == 503)
        assert fetch(f"{server.plain}/ready").json() == {
            "status": "waiting",
            "dependencies": {"upstream": "unreachable"},
        }
        assert fetch(f"{server.plain}/health").status_code == 200
        assert set(asked) == {"/healthz"}


@pytest.mark.slow
def test_a_program_that_has_ended_is_an_error_and_the_front_is_not_ready(
    tmp_path: Path, issuer: Issuer
):
    with contextlib.ExitStack() as program, contextlib.ExitStack() as stack:
        upstream = program.enter_context(running(weather()))
        server = stack.enter_context(in_front(tmp_path, issuer, upstream.port))
        server.token = admitted(issuer)
        assert server.post_modern("tools/list").status_code == 200
        program.close()
        answer = server.post_modern("tools/list")
        assert (answer.status_code, answer.json()["id"]) == (502, 7)
        assert "accepts no connection" in answer.json()["error"]["message"]
        until(lambda: fetch(f"{server.plain}/ready").status_code == 503)
        assert server.metric("mcp_dependency_up", dependency="upstream") == 0


@pytest.mark.slow
async def test_a_drain_finishes_calls_and_ends_streams(tmp_path: Path, issuer: Issuer):
    protocol = {"longest_tool_seconds": 4, "drain_seconds": 6}
    results: list[CallToolResult] = []
    with (
        running(weather()) as upstream,
        in_front(tmp_path, issuer, upstream.port, protocol=protocol) as server,
    ):
        server.token = admitted(issuer)

        async def call(era: str) -> None:
            async with server.client(era) as client:
                await client.list_tools()
                results.append(await client.call_tool("wait", {"seconds": 2}))

        sent = 0.0
        async with anyio.create_task_group() as tasks:
            for era in ERAS:
                tasks.start_soon(call, era)
            await eventually(lambda: server.metric("mcp_calls_in_flight") == 2)
            sent = server.terminate()
        assert [text_of(result) for result in results] == ["done", "done"]
        assert await anyio.to_thread.run_sync(server.exit_status) == 0
        assert time.monotonic() - sent < protocol["drain_seconds"]
