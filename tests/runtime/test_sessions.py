"""Legacy sessions in a shared store: any of two instances can serve each request."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncGenerator
from contextlib import AsyncExitStack
from dataclasses import replace
from typing import Any

import anyio
import httpx2
import pytest
from mcp.server.streamable_http import REQUEST_CANCELLED
from starlette.types import ASGIApp, Message

from runtime import sessions
from runtime.application import application
from runtime.config import Config
from runtime.state import Session
from runtime.stores.in_memory import InMemorySessions
from tests.harness.server import MODERN, eventually, initialize_request, modern_request, settings
from tests.harness.tokens import Issuer

VERSION = "2025-11-25"


class Instances:
    """Two applications that share nothing but a store."""

    def __init__(self, issuer: Issuer, store: InMemorySessions, apps: list[ASGIApp]) -> None:
        self.issuer = issuer
        self.store = store
        self.apps = apps

    async def send(
        self, number: int, body: Any, *, method: str = "POST", subject: str = "ada", **headers: str
    ) -> httpx2.Response:
        """One request to one of them."""
        sent = {
            "authorization": f"Bearer {self.issuer.token(sub=subject)}",
            "accept": "application/json, text/event-stream",
            "content-type": "application/json",
        }
        sent |= {name.replace("_", "-"): value for name, value in headers.items()}
        transport = httpx2.ASGITransport(self.apps[number])
        async with httpx2.AsyncClient(transport=transport, base_url="http://localhost") as client:
            content = json.dumps(body).encode() if body is not None else b""
            return await client.request(method, "/mcp", content=content, headers=sent)

    async def open(self) -> str:
        """A session's id, from the first instance."""
        opened = await self.send(0, initialize_request())
        assert opened.status_code == 200
        return opened.headers["mcp-session-id"]


@pytest.fixture
async def instances(issuer: Issuer) -> AsyncGenerator[Instances]:
    protocol = {"longest_tool_seconds": 20, "drain_seconds": 21}
    config = Config.model_validate(settings(issuer, protocol=protocol))
    store = InMemorySessions()
    apps = [application(config, store).public for _ in range(2)]
    begun, over = asyncio.Event(), asyncio.Event()

    async def live() -> None:  # a lifespan ends in the task in which it began
        async with AsyncExitStack() as stack:
            for app in apps:
                await stack.enter_async_context(app.router.lifespan_context(app))
            begun.set()
            await over.wait()

    living = asyncio.create_task(live())
    await begun.wait()
    yield Instances(issuer, store, list[ASGIApp](apps))
    over.set()
    await living


def call(tool: str, identity: int = 8, **arguments: Any) -> dict[str, Any]:
    params = {"name": tool, "arguments": arguments}
    return {"jsonrpc": "2.0", "id": identity, "method": "tools/call", "params": params}


def cancellation(identity: object) -> dict[str, Any]:
    params = {"requestId": identity}
    return {"jsonrpc": "2.0", "method": "notifications/cancelled", "params": params}


async def cancel_after_a_moment(instances: Instances, session: str, identity: object) -> None:
    await anyio.sleep(0.3)
    await instances.send(1, cancellation(identity), mcp_session_id=session)


def answer_in(response: httpx2.Response) -> dict[str, Any]:
    (data,) = [line for line in response.text.splitlines() if line.startswith("data:")]
    return json.loads(data.removeprefix("data:"))


async def test_a_session_is_served_by_an_instance_that_did_not_open_it(instances: Instances):
    session = await instances.open()
    said = await instances.send(1, call("echo", text="hi"), mcp_session_id=session)
    assert answer_in(said)["result"]["content"][0]["text"] == "hi"


async def test_a_session_is_its_subjects_and_of_the_version_agreed_on(instances: Instances):
    request = initialize_request()
    request["params"]["protocolVersion"] = "2025-03-26"
    opened = await instances.send(0, request)
    kept = await instances.store.find(opened.headers["mcp-session-id"])
    assert kept is not None
    assert (kept.user_id, kept.protocol_version) == ("ada", "2025-03-26")
    assert sessions.SESSION_SECONDS - 5 < kept.expires_at - time.time() <= sessions.SESSION_SECONDS


@pytest.mark.parametrize("method", ["POST", "DELETE"])
async def test_a_session_that_is_anothers_is_not_found(instances: Instances, method: str):
    session = await instances.open()
    refused = await instances.send(
        1, call("echo", text="x"), method=method, subject="eve", mcp_session_id=session
    )
    unknown = await instances.send(1, call("echo", text="x"), mcp_session_id="unknown")
    assert (refused.status_code, refused.content) == (unknown.status_code, unknown.content)
    assert refused.status_code == 404
    assert await instances.store.find(session) is not None


async def test_a_session_that_expired_is_not_found(instances: Instances):
    session = await instances.open()
    await instances.store.renew(replace(instances.store.sessions[session], expires_at=1))
    said = await instances.send(0, call("echo", text="x"), mcp_session_id=session)
    assert said.status_code == 404


async def test_a_session_in_use_is_given_more_time(instances: Instances):
    session = await instances.open()
    soon = int(time.time()) + 60
    await instances.store.renew(replace(instances.store.sessions[session], expires_at=soon))
    await instances.send(1, call("echo", text="x"), mcp_session_id=session)
    assert instances.store.sessions[session].expires_at > soon


async def test_a_request_without_a_session_or_of_another_version_is_refused(instances: Instances):
    session = await instances.open()
    without = await instances.send(0, call("echo", text="x"))
    assert (without.status_code, without.json()["error"]["code"]) == (400, -32600)
    other = await instances.send(
        0, call("echo", text="x"), mcp_session_id=session, mcp_protocol_version="2025-03-26"
    )
    assert other.status_code == 400
    assert VERSION in other.json()["error"]["message"]


async def test_a_session_that_was_deleted_is_gone_everywhere(instances: Instances):
    session = await instances.open()
    deleted = await instances.send(1, None, method="DELETE", mcp_session_id=session)
    assert (deleted.status_code, deleted.content) == (204, b"")
    said = await instances.send(0, call("echo", text="x"), mcp_session_id=session)
    assert said.status_code == 404


async def test_a_stream_of_a_sessions_own_is_refused(instances: Instances):
    session = await instances.open()
    refused = await instances.send(0, None, method="GET", mcp_session_id=session)
    assert (refused.status_code, refused.headers["allow"]) == (405, "POST, DELETE")


async def test_a_refused_initialize_opens_no_session(instances: Instances):
    refused = await instances.send(0, initialize_request(), accept="text/plain")
    assert refused.status_code == 406
    assert instances.store.sessions == {}


@pytest.mark.parametrize("params", [None, {}, {"protocolVersion": VERSION}])
async def test_an_initialize_answered_with_an_error_opens_no_session(
    instances: Instances, params: object
):
    request = {"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": params}
    failed = await instances.send(0, request)
    assert (failed.status_code, answer_in(failed)["error"]["code"]) == (200, -32602)
    assert "mcp-session-id" not in failed.headers
    assert instances.store.sessions == {}


async def test_the_modern_era_touches_no_session(instances: Instances):
    said = await instances.send(
        0, modern_request("tools/list"), mcp_protocol_version=MODERN, mcp_method="tools/list"
    )
    assert said.status_code == 200
    assert "mcp-session-id" not in said.headers
    assert instances.store.sessions == {}


@pytest.mark.slow
async def test_a_cancellation_reaches_the_instance_that_works_on_the_call(instances: Instances):
    session = await instances.open()
    ended: dict[int, dict[str, Any]] = {}

    async def work(identity: int, seconds: float) -> None:
        body = call("wait", identity, seconds=seconds)
        ended[identity] = answer_in(await instances.send(0, body, mcp_session_id=session))

    began = time.monotonic()
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(work, 8, 15)
        tasks.start_soon(work, 9, 2.5)
        await anyio.sleep(0.3)
        said = await instances.send(1, cancellation(8), mcp_session_id=session)
        assert said.status_code == 202
        await eventually(lambda: 8 in ended)
        assert time.monotonic() - began < sessions.CANCELLED_EVERY_SECONDS + 1.5
    assert ended[8]["error"]["code"] == REQUEST_CANCELLED
    assert ended[9]["result"]["content"][0]["text"] == "waited 2.5 s"


async def test_a_call_continues_while_the_store_is_unreachable(
    instances: Instances, monkeypatch: pytest.MonkeyPatch
):
    async def fail(_: str) -> None:
        raise ConnectionError

    session = await instances.open()
    monkeypatch.setattr(instances.store, "cancelled", fail)
    said = await instances.send(0, call("wait", seconds=1.3), mcp_session_id=session)
    assert "result" in answer_in(said)
    monkeypatch.setattr(instances.store, "find", fail)
    refused = await instances.send(0, call("echo", text="x"), mcp_session_id=session)
    assert (refused.status_code, refused.headers["retry-after"]) == (503, "2")


async def unreachable(*_: object) -> None:
    raise ConnectionError


async def test_a_renewal_that_fails_leaves_the_call_to_go_on(
    instances: Instances, monkeypatch: pytest.MonkeyPatch
):
    session = await instances.open()
    soon = int(time.time()) + 60
    await instances.store.renew(replace(instances.store.sessions[session], expires_at=soon))
    monkeypatch.setattr(instances.store, "renew", unreachable)
    said = await instances.send(1, call("echo", text="hi"), mcp_session_id=session)
    assert answer_in(said)["result"]["content"][0]["text"] == "hi"


async def test_a_call_in_a_session_that_is_closed_meanwhile_does_not_open_it_again(
    instances: Instances, monkeypatch: pytest.MonkeyPatch
):
    session = await instances.open()
    kept = replace(instances.store.sessions[session], expires_at=int(time.time()) + 60)

    async def found(name: str) -> Session:
        await instances.store.close(name)
        return kept

    monkeypatch.setattr(instances.store, "find", found)
    await instances.send(1, call("echo", text="hi"), mcp_session_id=session)
    assert instances.store.sessions == {}


@pytest.mark.parametrize("what", ["open", "close", "cancel"])
async def test_a_store_that_cannot_be_written_is_a_503_to_try_again(
    instances: Instances, monkeypatch: pytest.MonkeyPatch, what: str
):
    session = await instances.open()
    monkeypatch.setattr(instances.store, what, unreachable)
    match what:
        case "open":
            said = await instances.send(0, initialize_request())
        case "close":
            said = await instances.send(0, None, method="DELETE", mcp_session_id=session)
        case _:
            said = await instances.send(0, cancellation(8), mcp_session_id=session)
    assert (said.status_code, said.headers["retry-after"]) == (503, "2")
    assert said.json()["error"]["message"] == "The session store does not answer; try again"
    assert "mcp-session-id" not in said.headers


async def test_the_end_of_a_session_ends_its_calls_on_every_instance(instances: Instances):
    session = await instances.open()

    async def end() -> None:
        await anyio.sleep(0.3)
        await instances.send(1, None, method="DELETE", mcp_session_id=session)

    began = time.monotonic()
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(end)
        said = answer_in(
            await instances.send(0, call("wait", 8, seconds=15), mcp_session_id=session)
        )
        assert said["error"]["code"] == REQUEST_CANCELLED
    assert time.monotonic() - began < 10


@pytest.mark.parametrize("identity", [None, True, 1.5, {"a": 1}, "x" * 1000])
async def test_a_cancellation_of_what_is_no_request_is_refused(
    instances: Instances, identity: object
):
    session = await instances.open()
    said = await instances.send(0, cancellation(identity), mcp_session_id=session)
    assert (said.status_code, said.json()["error"]["code"]) == (400, -32600)
    assert await instances.store.cancelled(session) == frozenset()


async def test_cancelling_the_id_8_as_text_does_not_cancel_the_number_8(instances: Instances):
    session = await instances.open()
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(cancel_after_a_moment, instances, session, "8")
        said = await instances.send(0, call("wait", 8, seconds=1.6), mcp_session_id=session)
        assert "result" in answer_in(said)


@pytest.mark.slow
async def test_a_later_call_with_the_id_of_a_cancelled_one_is_not_cancelled(instances: Instances):
    session = await instances.open()
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(cancel_after_a_moment, instances, session, 1)
        first = await instances.send(0, call("wait", 1, seconds=15), mcp_session_id=session)
        assert answer_in(first)["error"]["code"] == REQUEST_CANCELLED
    later = await instances.send(0, call("wait", 1, seconds=1.3), mcp_session_id=session)
    assert answer_in(later)["result"]["content"][0]["text"] == "waited 1.3 s"


async def test_a_client_that_goes_does_not_end_a_legacy_call(instances: Instances):
    session = await instances.open()
    body = json.dumps(call("wait", seconds=0.4)).encode()
    headers = {
        "authorization": f"Bearer {instances.issuer.token()}",
        "accept": "application/json, text/event-stream",
        "content-type": "application/json",
        "mcp-session-id": session,
        "host": "mcp",
    }
    said = b""
    messages: list[Message] = [
        {"type": "http.request", "body": body, "more_body": False},
        {"type": "http.disconnect"},
    ]

    async def receive() -> Message:
        return messages.pop(0) if len(messages) > 1 else messages[0]

    async def send(part: Message) -> None:
        nonlocal said
        said += part.get("body", b"")

    scope = {
        "type": "http",
        "method": "POST",
        "path": "/mcp",
        "scheme": "http",
        "query_string": b"",
        "headers": [
            (b"host", b"localhost"),
            *((name.encode(), value.encode()) for name, value in headers.items()),
        ],
    }
    await instances.apps[0](scope, receive, send)
    assert b"waited 0.4 s" in said
