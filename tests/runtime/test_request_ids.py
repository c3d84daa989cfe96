"""Requests of one legacy session that share an id: each client gets the answer to its own."""

from __future__ import annotations

import json
from collections.abc import AsyncGenerator
from typing import Any

import anyio
import httpx2
import pytest
from mcp.server.streamable_http import REQUEST_CANCELLED
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from runtime.memory_sessions import MemorySessions
from tests.harness.server import RunningServer, eventually, initialize_request

JSON_AND_STREAM = "application/json, text/event-stream"


class Session:
    """A legacy session in which raw messages are posted."""

    def __init__(self, http: httpx2.AsyncClient, server: RunningServer) -> None:
        self.http = http
        self.server = server

    async def post(self, body: Any) -> httpx2.Response:
        return await self.http.post("/mcp", content=json.dumps(body))

    async def answer(self, body: Any) -> dict[str, Any]:
        """The last message of the response, which is the answer."""
        said = await self.post(body)
        assert said.status_code == 200, said.text
        return messages_in(said)[-1]

    async def cancel(self, identity: object) -> None:
        params = {"requestId": identity}
        said = await self.post(
            {"jsonrpc": "2.0", "method": "notifications/cancelled", "params": params}
        )
        assert said.status_code == 202

    async def in_flight(self, number: int) -> None:
        """Wait until this number of calls runs in the server."""
        await eventually(lambda: self.server.metric("mcp_calls_in_flight") == number)


def messages_in(response: httpx2.Response) -> list[dict[str, Any]]:
    lines = response.text.splitlines()
    return [json.loads(x.removeprefix("data:")) for x in lines if x.startswith("data:")]


def call(identity: object, tool: str, **arguments: Any) -> dict[str, Any]:
    params = {"name": tool, "arguments": arguments}
    return {"jsonrpc": "2.0", "id": identity, "method": "tools/call", "params": params}


def text_in(answer: dict[str, Any]) -> str:
    return answer["result"]["content"][0]["text"]


@pytest.fixture
async def session(long_server: RunningServer) -> AsyncGenerator[Session]:
    headers = {
        "authorization": f"Bearer {long_server.token}",
        "accept": JSON_AND_STREAM,
        "content-type": "application/json",
    }
    async with httpx2.AsyncClient(
        base_url=long_server.base, headers=headers, timeout=30, verify=long_server.verify
    ) as http:
        opened = await http.post("/mcp", content=json.dumps(initialize_request()))
        http.headers["mcp-session-id"] = opened.headers["mcp-session-id"]
        yield Session(http, long_server)
        await http.delete("/mcp")
    await eventually(lambda: long_server.metric("mcp_calls_in_flight") == 0)


PAIRS = [(1, 1), (1, "1"), ("1", 1), ("a", "a"), (1, "01"), ("_GET_stream", "_GET_stream")]


@pytest.mark.parametrize(("first", "second"), PAIRS)
async def test_two_open_requests_with_one_id_get_each_its_own_answer(
    session: Session, first: object, second: object
):
    answers: dict[str, dict[str, Any]] = {}

    async def ask(name: str, identity: object, seconds: float) -> None:
        answers[name] = await session.answer(call(identity, "wait", seconds=seconds))

    with anyio.fail_after(10):
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(ask, "A", first, 0.6)
            await session.in_flight(1)
            tasks.start_soon(ask, "B", second, 0.9)
    assert (answers["A"]["id"], text_in(answers["A"])) == (first, "waited 0.6 s")
    assert (answers["B"]["id"], text_in(answers["B"])) == (second, "waited 0.9 s")


async def test_a_request_does_not_get_the_answer_of_a_disconnected_request(session: Session):
    with anyio.move_on_after(0.3):
        await session.post(call(1, "wait", seconds=0.8))
    await session.in_flight(1)
    with anyio.fail_after(10):
        answer = await session.answer(call(1, "wait", seconds=1.2))
    assert text_in(answer) == "waited 1.2 s"


@pytest.mark.parametrize("identity", [0, -1, 2**70, "", "ä", 'quo"te', "x" * 5000])
async def test_the_id_comes_back_as_it_was_sent(session: Session, identity: object):
    assert (await session.answer(call(identity, "echo", text="x")))["id"] == identity


async def test_progress_goes_to_the_request_with_its_token(session: Session):
    async def count(to: int) -> None:
        body = call(1, "count", to=to, pause_seconds=0.1)
        body["params"]["_meta"] = {"progressToken": 1}
        *progress, answer = messages_in(await session.post(body))
        assert [message["params"]["total"] for message in progress] == [to] * to
        assert text_in(answer) == f"counted to {to}"

    async with anyio.create_task_group() as tasks:
        for to in (3, 5):
            tasks.start_soon(count, to)


@pytest.mark.parametrize("identity", [1, "1"])
async def test_a_cancellation_ends_the_request_with_that_id_and_type(
    session: Session, identity: str | int
):
    answers: dict[object, dict[str, Any]] = {}

    async def ask(of: object) -> None:
        answers[of] = await session.answer(call(of, "wait", seconds=1.5))

    async with anyio.create_task_group() as tasks:
        for each in (1, "1"):
            tasks.start_soon(ask, each)
        await session.in_flight(2)
        await session.cancel(identity)
    other = {1: "1", "1": 1}[identity]
    assert answers[identity]["error"]["code"] == REQUEST_CANCELLED
    assert text_in(answers[other]) == "waited 1.5 s"


async def test_an_ambiguous_cancellation_ends_no_request(session: Session):
    answers: list[str] = []

    async def ask(seconds: float) -> None:
        answers.append(text_in(await session.answer(call(1, "wait", seconds=seconds))))

    async with anyio.create_task_group() as tasks:
        for seconds in (0.8, 1.1):
            tasks.start_soon(ask, seconds)
        await session.in_flight(2)
        await session.cancel(1)
    assert answers == ["waited 0.8 s", "waited 1.1 s"]


async def test_a_call_of_a_disconnected_client_can_be_cancelled(session: Session):
    with anyio.move_on_after(0.3):
        await session.post(call(1, "wait", seconds=50))
    await session.in_flight(1)
    await session.cancel(1)
    await session.in_flight(0)


async def test_a_legacy_get_with_a_last_event_id_is_a_new_stream(session: Session):
    async with session.http.stream(
        "GET", "/mcp", headers={"accept": "text/event-stream", "last-event-id": "x"}
    ) as stream:
        assert stream.status_code == 200
        assert stream.headers["content-type"].startswith("text/event-stream")


@pytest.mark.parametrize(
    "answer",
    [
        {"jsonrpc": "2.0", "id": 1, "method": 5, "result": {}},
        {"jsonrpc": "2.0", "id": 1, "method": "ping", "error": {"code": 1, "message": "no"}},
    ],
)
async def test_a_message_that_is_no_request_is_not_kept(answer: dict[str, Any]):
    """It has an id and a method, but the SDK takes it for an answer: 202, and nothing follows."""

    async def accepted(_scope: Scope, receive: Receive, send: Send) -> None:
        await receive()
        await Response(status_code=202)(_scope, receive, send)

    sessions = MemorySessions(accepted)
    transport = httpx2.ASGITransport(sessions)
    async with httpx2.AsyncClient(transport=transport, base_url="http://localhost") as client:
        said = await client.post("/mcp", json=answer, headers={"mcp-session-id": "s"})
    assert said.status_code == 202
    assert sessions.open == {}
