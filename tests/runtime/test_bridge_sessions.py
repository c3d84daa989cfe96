"""`bridge` in the legacy era: every session has a process of the program, and shares nothing."""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Generator
from pathlib import Path
from typing import Any

import anyio
import pytest
from mcp import MCPError
from mcp_types import CreateMessageResult, TextContent

from tests.harness.bridge import RunningBridge, alive, bridging, faults, messages, text
from tests.harness.server import eventually, initialize_request, text_of, until

pytestmark = pytest.mark.slow

PING = {"jsonrpc": "2.0", "id": 1, "method": "ping"}


@pytest.fixture(scope="module")
def bridge(tmp_path_factory: pytest.TempPathFactory) -> Generator[RunningBridge]:
    with bridging(tmp_path_factory.mktemp("bridge"), faults(), max_children=50) as running:
        yield running


def test_each_session_has_a_process_that_ends_with_it(bridge: RunningBridge):
    one, other = bridge.open_session(), bridge.open_session()
    pids = [int(text(bridge.call(session, "pid"))) for session in (one, other)]
    assert pids[0] != pids[1]
    assert bridge.call(one, "count")["result"] == bridge.call(other, "count")["result"]
    assert bridge.end_session(one).status_code == 200
    until(lambda: not alive(pids[0]))
    assert alive(pids[1])
    assert (
        bridge.post({"jsonrpc": "2.0", "id": 1, "method": "ping"}, session=one).status_code == 404
    )
    assert text(bridge.call(other, "count")) == "2"


def test_the_handshake_is_the_programs_own(bridge: RunningBridge):
    request = initialize_request()
    request["params"]["protocolVersion"] = "2025-03-26"
    request["params"]["clientInfo"]["name"] = "somebody"
    answer = bridge.post(request)
    [told] = messages(answer)
    assert told["id"] == request["id"]
    assert told["result"]["protocolVersion"] == "2025-03-26"
    assert told["result"]["instructions"] == "break it"
    seen = text(bridge.call(answer.headers["mcp-session-id"], "settings"))
    assert json.loads(seen)["opening"] == request["params"]


async def test_clients_with_equal_ids_get_their_own_answers(bridge: RunningBridge):
    sessions = [bridge.open_session() for _ in range(3)]
    found: dict[tuple[int, int], str] = {}

    async def call(client: int, number: int) -> None:
        said = f"client {client} call {number}"
        arguments = {"text": said, "seconds": 0.1 * (3 - number)}

        def sync() -> None:  # every client sends id 7 for all its calls
            answer = bridge.call(sessions[client], "slow", 7, **arguments)
            assert answer["id"] == 7
            found[client, number] = text(answer)

        await anyio.to_thread.run_sync(sync)

    async with anyio.create_task_group() as tasks:
        for client in range(3):
            for number in range(3):
                tasks.start_soon(call, client, number)
    assert found == {(c, n): f"client {c} call {n}" for c in range(3) for n in range(3)}


async def test_progress_reaches_the_request_that_asked(bridge: RunningBridge):
    steps: dict[int, list[tuple[float, float | None]]] = {0: [], 1: []}
    async with bridge.client("legacy") as client, anyio.create_task_group() as tasks:

        async def count(which: int, to: int) -> None:
            async def note(progress: float, total: float | None, message: str | None) -> None:
                assert message is None
                steps[which].append((progress, total))

            arguments = {"seconds": 0.3, "steps": to}
            await client.call_tool("slow", arguments, progress_callback=note)

        tasks.start_soon(count, 0, 2)
        tasks.start_soon(count, 1, 3)
    assert steps == {0: [(1, 2), (2, 2)], 1: [(1, 3), (2, 3), (3, 3)]}


async def test_a_cancelled_call_is_cancelled_in_the_program(bridge: RunningBridge):
    async with bridge.client("legacy") as client:
        with anyio.move_on_after(0.3):
            await client.call_tool("slow", {"seconds": 30})
        with anyio.fail_after(5):
            while (await client.call_tool("cancelled", {})).content[0].text == "[]":  # type: ignore[union-attr]
                await anyio.sleep(0.02)


async def test_the_program_can_ask_the_client(bridge: RunningBridge):
    asked: list[Any] = []

    async def sample(_: Any, params: Any) -> CreateMessageResult:
        asked.append(params.max_tokens)
        said = TextContent(type="text", text="from the client")
        return CreateMessageResult(role="assistant", content=said, model="none")

    sampling: dict[str, Any] = {
        "method": "sampling/createMessage",
        "params": {"messages": [], "maxTokens": 9},
    }
    async with bridge.client("legacy", sampling_callback=sample) as client:
        answer = json.loads(text_of(await client.call_tool("ask", sampling)))
        refused = json.loads(text_of(await client.call_tool("ask", {"method": "roots/list"})))
    assert answer["id"] == "ask-1"
    assert answer["result"]["content"]["text"] == "from the client"
    assert asked == [9]
    assert "error" in refused


async def test_notifications_without_a_request_reach_the_client(bridge: RunningBridge):
    seen: list[str] = []

    async def note(message: Any) -> None:
        seen.append(getattr(message, "method", type(message).__name__))

    async with bridge.client("legacy", message_handler=note) as client:
        await client.call_tool("change", {})
        await client.call_tool("log", {"level": "error", "text": "careful"})
        wanted = {"notifications/tools/list_changed", "notifications/message"}
        await eventually(lambda: wanted <= set(seen))


def test_an_unknown_tool_is_the_programs_error(bridge: RunningBridge):
    error = bridge.call(bridge.open_session(), "nothing")["error"]
    assert error == {"code": -32602, "message": "Unknown tool: nothing"}


@pytest.mark.filterwarnings("ignore:The logging capability")
async def test_a_killed_program_is_an_error_and_the_next_call_works(bridge: RunningBridge):
    async with bridge.client("legacy") as client:
        await client.set_logging_level("error")  # pyright: ignore[reportDeprecated]
        pid = int(text_of(await client.call_tool("pid", {})))
        with pytest.raises(MCPError, match=r"not answered.*status 3"):
            await client.call_tool("crash", {})
        again = int(text_of(await client.call_tool("pid", {})))
        assert again != pid
        kept = json.loads(text_of(await client.call_tool("settings", {})))
    assert kept["settings"] == ["logging/setLevel error"]
    assert kept["opening"]["protocolVersion"] == "2025-11-25"


async def test_a_client_gets_one_error_for_a_lost_session_state(bridge: RunningBridge):
    async with bridge.client("legacy") as client:
        pid = int(text_of(await client.call_tool("pid", {})))
        os.kill(pid, signal.SIGKILL)
        await eventually(lambda: any(e["reason"].endswith("signal 9") for e in ended(bridge)))
        with pytest.raises(MCPError, match="signal 9, and what it kept for this session is lost"):
            await client.call_tool("count", {})
        assert text_of(await client.call_tool("count", {})) == "1"


def ended(bridge: RunningBridge) -> list[dict[str, Any]]:
    return bridge.events("program_ended")


def test_a_session_belongs_to_the_user_who_opened_it(bridge: RunningBridge):
    session = bridge.open_session(x_user="ada")
    assert bridge.post(PING, session=session, x_user="ada").status_code == 200
    assert bridge.post(PING, session=session, x_user="eve").status_code == 404
    assert bridge.post(PING, session=session).status_code == 404


def test_a_request_without_a_session_starts_no_process(bridge: RunningBridge):
    before = len(bridge.events("program_started"))
    answer = bridge.post({"jsonrpc": "2.0", "id": 5, "method": "tools/list"})
    assert (answer.status_code, answer.json()["id"]) == (400, 5)
    assert bridge.post(b"{").status_code == 400
    assert len(bridge.events("program_started")) == before


def test_sessions_are_limited(tmp_path: Path):
    with bridging(tmp_path, faults(), max_children=4, sessions_per_user=2) as bridge:
        bridge.open_session(x_user="ada")
        session = bridge.open_session(x_user="ada")
        own = bridge.post(initialize_request(), x_user="ada")
        assert own.status_code == 503
        assert "2 open sessions, as many as allowed" in own.json()["error"]["message"]
        bridge.open_session(x_user="eve")
        full = bridge.post(initialize_request(), x_user="bob")
        assert full.status_code == 503
        assert "--max-children 4" in full.json()["error"]["message"]
        assert full.json()["id"] == initialize_request()["id"]
        assert len(bridge.children()) == 4
        bridge.end_session(session, x_user="ada")
        until(lambda: bridge.post(initialize_request(), x_user="ada").status_code == 200)


def test_an_idle_session_ends_its_program(tmp_path: Path):
    with bridging(tmp_path, faults(), idle_seconds=0.5) as bridge:
        session = bridge.open_session()
        pid = int(text(bridge.call(session, "pid")))
        until(lambda: not alive(pid))
        assert bridge.post(PING, session=session).status_code == 404
        until(lambda: bridge.ready().json()["sessions"] == 0)
