"""`bridge` in the modern era: requests share a process, and no client sees another's messages."""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Generator
from dataclasses import replace
from pathlib import Path
from typing import Any

import anyio
import httpx2
import pytest
from mcp import Client, MCPError
from mcp.client.subscriptions import ResourceUpdated, ToolsListChanged

from tests.harness.bridge import RunningBridge, alive, bridging, faults, messages, text
from tests.harness.server import (
    MODERN,
    eventually,
    initialize_request,
    modern_request,
    text_of,
    until,
)

pytestmark = pytest.mark.slow

META = "io.modelcontextprotocol/"
PROGRAM_ERAS = ("legacy", "modern")
"""What the program itself speaks."""


@pytest.fixture(scope="module", params=PROGRAM_ERAS)
def bridge(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Generator[RunningBridge]:
    directory = tmp_path_factory.mktemp("bridge")
    with bridging(directory, faults("--era", request.param)) as running:
        yield running


def speaks(bridge: RunningBridge) -> str:
    return bridge.events("program_ready")[0]["era"]


async def test_the_client_finds_the_program(bridge: RunningBridge):
    async with bridge.client("auto") as client:
        assert client.protocol_version == MODERN
        assert "echo" in [tool.name for tool in (await client.list_tools()).tools]
        assert text_of(await client.call_tool("echo", {"text": "grüße ✓"})) == "grüße ✓"
        assert text_of(await client.call_tool("pid", {})) == str(bridge.children()[0])


def test_server_discover_lists_the_capabilities_of_the_program(bridge: RunningBridge):
    [found] = messages(bridge.post_modern("server/discover"))
    result = found["result"]
    assert MODERN in result["supportedVersions"]
    assert result["capabilities"]["tools"] == {"listChanged": True}
    assert {"resultType", "ttlMs", "cacheScope"} <= set(result)
    if speaks(bridge) == "legacy":
        assert result["instructions"] == "break it"
        assert result["_meta"][f"{META}serverInfo"] == {"name": "faults", "version": "1"}
        assert "tasks" not in result["capabilities"]


def test_a_legacy_program_gets_no_members_of_2026_07_28(bridge: RunningBridge):
    meta = modern_request("x")["params"]["_meta"]
    given = meta | {"traceparent": "00-1-2-01", "progressToken": "mine"}
    [answer] = messages(bridge.post_modern("tools/call", name="meta", arguments={}, _meta=given))
    seen = json.loads(text(answer))
    assert seen["traceparent"] == "00-1-2-01"
    assert type(seen["progressToken"]) is int
    assert (f"{META}protocolVersion" in seen) == (speaks(bridge) == "modern")
    assert answer["result"]["resultType"] == "complete"


@pytest.mark.parametrize(
    "method", ["initialize", "logging/setLevel", "resources/subscribe", "nope"]
)
def test_methods_that_the_revision_does_not_have_are_unknown(bridge: RunningBridge, method: str):
    answer = bridge.post_modern(method, uri="a:b", level="debug")
    assert (answer.status_code, answer.json()["error"]["code"]) == (404, -32601)


def test_a_request_is_no_notification_to_the_program_that_others_share(bridge: RunningBridge):
    before = text(bridge.call_modern("cancelled"))
    [answer] = messages(bridge.post_modern("notifications/cancelled", requestId=1))
    assert answer["error"]["code"] == -32601
    assert text(bridge.call_modern("cancelled")) == before


def test_other_methods_of_the_program_work(bridge: RunningBridge):
    assert bridge.post_modern("custom/thing").status_code == 200


def test_a_missing_resource_is_an_error_with_the_code_of_the_revision(bridge: RunningBridge):
    if speaks(bridge) == "modern":
        pytest.skip("a program of the newer revision chooses its codes itself")
    named = {"mcp_method": "resources/read", "mcp_name": "a:b"}
    answer = bridge.post(modern_request("resources/read", uri="a:b"), version=MODERN, **named)
    assert answer.json()["error"] == {"code": -32602, "message": "Resource not found"}


def test_headers_are_compared_with_arguments(bridge: RunningBridge):
    named = {"mcp_method": "tools/call", "mcp_name": "echo"}
    body = modern_request("tools/call", name="echo", arguments={"region": "north"})
    right = bridge.post(body, version=MODERN, mcp_param_region="north", **named)
    wrong = bridge.post(body, version=MODERN, mcp_param_region="south", **named)
    assert (right.status_code, wrong.status_code) == (200, 400)
    assert wrong.json()["error"]["code"] == -32020


async def test_clients_with_equal_ids_and_tokens_get_their_own_messages(bridge: RunningBridge):
    found: dict[int, list[dict[str, Any]]] = {}
    meta = modern_request("x")["params"]["_meta"] | {"progressToken": "same"}

    async def call(which: int) -> None:
        arguments = {"text": f"for {which}", "seconds": 0.4, "steps": which}

        def sync() -> None:
            params = {"name": "slow", "arguments": arguments, "_meta": meta}
            found[which] = messages(bridge.post_modern("tools/call", **params))

        await anyio.to_thread.run_sync(sync)

    async with anyio.create_task_group() as tasks:
        for which in range(1, 6):
            tasks.start_soon(call, which)
    for which, (*steps, last) in found.items():
        assert (last["id"], text(last)) == (7, f"for {which}")
        told = [step["params"] for step in steps]
        expected = [
            {"progressToken": "same", "progress": s, "total": which} for s in range(1, which + 1)
        ]
        assert told == expected


async def test_a_client_that_disconnects_cancels_its_call(bridge: RunningBridge):
    async with bridge.client("modern") as client:
        before = json.loads(text_of(await client.call_tool("cancelled", {})))
        with anyio.move_on_after(0.3):
            await client.call_tool("slow", {"seconds": 30})

        async def cancelled() -> list[Any]:
            return json.loads(text_of(await client.call_tool("cancelled", {})))

        with anyio.fail_after(5):
            while len(await cancelled()) == len(before):
                await anyio.sleep(0.02)


async def test_the_shared_program_cannot_ask_a_client(bridge: RunningBridge):
    async with bridge.client("modern") as client:
        asked = {"method": "sampling/createMessage"}
        answer = json.loads(text_of(await client.call_tool("ask", asked)))
        pong = json.loads(text_of(await client.call_tool("ask", {"method": "ping"})))
    assert "cannot reach the client" in answer["error"]["message"]
    assert pong["result"] == {}


async def test_a_listen_stream_reports_only_subscribed_changes(
    bridge: RunningBridge,
):
    async with bridge.client("modern") as client, bridge.client("modern") as other:
        async with (
            client.listen(tools_list_changed=True) as tools,
            other.listen(resource_subscriptions=["a:1"]) as resources,
        ):
            await client.call_tool("change", {})
            await client.call_tool("touch", {"uri": "a:1"})
            with anyio.fail_after(5):
                assert await anext(tools) == ToolsListChanged()
                if speaks(bridge) == "legacy":  # the program with faults filters nothing itself
                    assert await anext(resources) == ResourceUpdated(uri="a:1")
        if speaks(bridge) == "legacy":
            await eventually_settings(
                client, ["resources/subscribe a:1", "resources/unsubscribe a:1"]
            )


async def eventually_settings(client: Client, expected: list[str]) -> None:
    with anyio.fail_after(5):
        while True:
            kept = json.loads(text_of(await client.call_tool("settings", {})))
            if kept["settings"] == expected:
                return
            await anyio.sleep(0.02)


def log_lines(answer: list[dict[str, Any]]) -> list[str]:
    found = (m for m in answer if m.get("method") == "notifications/message")
    return [message["params"]["data"] for message in found]


def call_logging(bridge: RunningBridge, asked: str | None, level: str) -> list[str]:
    meta = modern_request("x")["params"]["_meta"]
    meta |= {} if asked is None else {f"{META}logLevel": asked}
    arguments = {"level": level, "text": "secret"}
    params = {"name": "log", "arguments": arguments, "_meta": meta}
    return log_lines(messages(bridge.post_modern("tools/call", **params)))


def test_log_messages_are_forwarded_only_if_one_request_can_be_their_cause(tmp_path: Path):
    with bridging(tmp_path, faults()) as bridge:
        assert call_logging(bridge, "info", "error") == ["secret"]
        assert call_logging(bridge, "error", "info") == []
        assert call_logging(bridge, None, "error") == []
        # A call that was cancelled and never answered may still log.
        meta = modern_request("x")["params"]["_meta"]
        hang = modern_request("tools/call", name="hang", arguments={}, _meta=meta)
        named = {"mcp_method": "tools/call", "mcp_name": "hang"}
        with pytest.raises(httpx2.ReadTimeout):
            replace(bridge, timeout=0.5).post(hang, version=MODERN, **named)
        until(lambda: text(bridge.call_modern("cancelled")) != "[]")
        assert call_logging(bridge, "info", "error") == []


async def test_a_killed_program_is_an_error_and_the_next_call_works(tmp_path: Path):
    with bridging(tmp_path, faults()) as bridge:
        async with bridge.client("modern") as client:
            pid = int(text_of(await client.call_tool("pid", {})))
            with pytest.raises(MCPError, match="status 3"):
                await client.call_tool("crash", {})
            again = int(text_of(await client.call_tool("pid", {})))
            assert again != pid
            os.kill(again, signal.SIGKILL)
            await eventually(lambda: len(bridge.events("program_ended")) == 2)
            # The second end in a row: the next start has a delay, and calls fail quickly.
            with pytest.raises(MCPError, match="not running: the program was ended by signal 9"):
                await client.call_tool("pid", {})
            await eventually(lambda: bridge.ready().status_code == 200)
            assert alive(int(text_of(await client.call_tool("pid", {}))))


async def test_several_processes_can_share_the_requests(tmp_path: Path):
    with bridging(tmp_path, faults(), shared_children=2, era="modern") as bridge:
        until(lambda: len(bridge.events("program_ready")) == 2)
        found: set[int] = set()
        async with bridge.client("modern") as client, anyio.create_task_group() as tasks:
            tasks.start_soon(client.call_tool, "slow", {"seconds": 2})
            with anyio.fail_after(2):
                while len(found) < 1 or len(bridge.children()) < 2:
                    found.add(int(text_of(await client.call_tool("pid", {}))))
            tasks.cancel_scope.cancel()
        assert found <= set(bridge.children())


@pytest.mark.parametrize("era", ["modern", "legacy"])
def test_only_the_chosen_era_is_served(tmp_path: Path, era: str):
    with bridging(tmp_path, faults(), era=era) as bridge:
        legacy = bridge.post(initialize_request()).status_code
        modern = bridge.post_modern("tools/list").status_code
    assert (legacy, modern) == ((400, 200) if era == "modern" else (200, 400))
