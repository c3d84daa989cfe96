"""`bridge` with programs that crash, hang, print, fill the log or do not end."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import threading
import time
from collections.abc import Generator
from pathlib import Path
from typing import Any

import anyio
import pytest
from mcp import MCPError
from prometheus_client.parser import text_string_to_metric_families

from tests.harness.bridge import RunningBridge, alive, bridging, faults, messages, text
from tests.harness.server import eventually, fetch, initialize_request, text_of, until

pytestmark = pytest.mark.slow

LIMIT = 64 * 1024


@pytest.fixture(scope="module")
def bridge(tmp_path_factory: pytest.TempPathFactory) -> Generator[RunningBridge]:
    with bridging(
        tmp_path_factory.mktemp("bridge"),
        faults(),
        environment={"API_KEY": "of the pod", "QUDAG_MCP_CONFIG": "of the server"},
        max_message_bytes=LIMIT,
        longest_tool_seconds=2,
        drain_seconds=6,
    ) as running:
        yield running


@pytest.mark.parametrize("era", ["modern", "legacy"])
async def test_an_answer_that_is_too_long_is_an_error_of_that_call_alone(
    bridge: RunningBridge, era: str
):
    async with bridge.client(era) as client:
        pid = text_of(await client.call_tool("pid", {}))
        assert len(text_of(await client.call_tool("huge", {"bytes": LIMIT - 500}))) == LIMIT - 500
        with pytest.raises(MCPError, match=r"answer has \d+ bytes, more than"):
            await client.call_tool("huge", {"bytes": 50 * LIMIT})
        assert text_of(await client.call_tool("pid", {})) == pid


def test_a_body_that_is_too_long_is_refused(bridge: RunningBridge):
    session = bridge.open_session()
    body = {"jsonrpc": "2.0", "id": 1, "method": "ping", "params": {"x": "x" * LIMIT}}
    assert bridge.post(body, session=session).status_code == 413
    assert bridge.post(body).status_code == 413


@pytest.mark.parametrize("era", ["modern", "legacy"])
async def test_a_call_that_never_ends_is_ended(bridge: RunningBridge, era: str):
    async with bridge.client(era) as client:
        with pytest.raises(MCPError, match="took longer than 2 s, and was cancelled"):
            await client.call_tool("hang", {})
        assert json.loads(text_of(await client.call_tool("cancelled", {})))


async def test_stderr_is_logged_and_cannot_forge_log_lines(bridge: RunningBridge):
    forged = '{"event": "forged", "level": "error"}'
    lines = [forged, "colour \x1b[31m and \r and \x00", "ungültig ✓", "x" * 10_000, "last"]
    async with bridge.client("legacy") as client:
        await client.call_tool("noise", {"lines": lines})
    seen = await eventually(
        lambda: [e for e in bridge.events("program_stderr") if e["text"] == "last"] and bridge.log()
    )
    texts = [entry["text"] for entry in seen if entry["event"] == "program_stderr"]
    assert forged in texts
    assert not [entry for entry in seen if entry["event"] == "forged"]
    assert "colour \x1b[31m and \r and \x00" in texts
    assert "\x1b" not in bridge.program.stderr.read_text()
    [cut] = [e for e in seen if e.get("bytes") == 10_000]
    assert len(cut["text"]) < 5000


@pytest.mark.slow
async def test_a_flood_on_stderr_is_counted_and_not_logged(tmp_path: Path):
    with bridging(tmp_path, faults()) as bridge:
        async with bridge.client("modern") as client:
            await client.call_tool("noise", {"lines": [f"line {n}" for n in range(20_000)]})
            await anyio.sleep(1.1)  # the next second tells how many were left out
            await client.call_tool("noise", {"lines": ["after"]})
            await eventually(lambda: bridge.events("program_lines_dropped"))
        assert len(bridge.events("program_stderr")) < 2000
        dropped = sum(e["lines"] for e in bridge.events("program_lines_dropped"))
        assert dropped + len(bridge.events("program_stderr")) == 20_001


@pytest.mark.parametrize("junk", ["hello", '{"a": 1}', "[1, 2]", '{"jsonrpc": "2.0"}', "\x1b[0m"])
def test_output_that_is_not_json_rpc_is_logged_and_ignored(bridge: RunningBridge, junk: str):
    session = bridge.open_session()
    assert text(bridge.call(session, "junk", text=junk)) == "printed"
    until(lambda: junk in [e["text"] for e in bridge.events("program_stdout_ignored")])


def test_the_program_has_the_variables_of_the_pod_without_the_bridges_own(bridge: RunningBridge):
    seen = json.loads(text(bridge.call_modern("env")))
    assert seen["API_KEY"] == "of the pod"
    assert not [name for name in seen if name.startswith("QUDAG_MCP_")]


def test_no_shell_reads_the_command(tmp_path: Path):
    with bridging(
        tmp_path, [*faults(), "--deaf-after", "0", "--fail-while", "$(touch x); *"]
    ) as it:
        assert text(it.call_modern("echo", text="fine")) == "fine"


def test_child_processes_of_a_program_end_with_it(bridge: RunningBridge):
    session = bridge.open_session()
    left = int(text(bridge.call(session, "orphan")))
    assert alive(left)
    bridge.end_session(session)
    until(lambda: not alive(left))
    other = bridge.open_session()
    left = int(text(bridge.call(other, "orphan")))
    assert "error" in bridge.call(other, "crash")
    until(lambda: not alive(left))


def test_a_program_that_closes_its_stdout_has_ended(bridge: RunningBridge):
    session = bridge.open_session()
    pid = int(text(bridge.call(session, "pid")))
    assert "closed its stdout" in bridge.call(session, "close_stdout")["error"]["message"]
    assert int(text(bridge.call(session, "pid"))) != pid
    until(lambda: not alive(pid))


@pytest.mark.slow
def test_readiness_is_that_of_the_program(tmp_path: Path):
    failing = tmp_path / "failing"
    failing.touch()
    with bridging(tmp_path, faults("--fail-while", str(failing)), wait=False) as bridge:
        until(lambda: len(bridge.events("program_ended")) >= 2)
        answer = bridge.ready()
        assert answer.status_code == 503
        assert "ended with status 1" in answer.json()["reason"]
        assert fetch(f"{bridge.base}/health").status_code == 200
        refused = bridge.post_modern("tools/list").json()["error"]["message"]
        assert "not running" in refused
        delays = [e["starts_in_seconds"] for e in bridge.events("program_ended")]
        assert delays[:2] == [0.5, 1.0]
        failing.unlink()
        until(lambda: bridge.ready().status_code == 200, 15)
        assert text(bridge.call_modern("echo", text="now")) == "now"


def test_a_session_whose_program_cannot_start_is_refused(tmp_path: Path):
    failing = tmp_path / "failing"
    with bridging(tmp_path, faults("--fail-while", str(failing))) as bridge:
        failing.touch()
        [refused] = messages(bridge.post(initialize_request()))
        assert "ended with status 1" in refused["error"]["message"]
        assert refused["id"] == initialize_request()["id"]
        until(lambda: bridge.ready().json()["sessions"] == 0)
        failing.unlink()
        bridge.open_session()


@pytest.mark.slow
def test_a_program_that_answers_nothing_before_initialize_is_started_again(tmp_path: Path):
    with bridging(tmp_path, faults("--silent"), start_seconds=1) as bridge:
        assert bridge.events("program_ready")[-1]["era"] == "legacy"
        assert text(bridge.call_modern("echo", text="fine")) == "fine"


@contextlib.contextmanager
def calling(bridge: RunningBridge, era: str, tool: str, **arguments: Any) -> Generator[list[Any]]:
    """A call that runs in another thread; its response message is in the list at the end."""
    found: list[Any] = []
    session = bridge.open_session() if era == "legacy" else None

    def call() -> None:
        if session is None:
            found.append(bridge.call_modern(tool, **arguments))
        else:
            found.append(bridge.call(session, tool, **arguments))

    thread = threading.Thread(target=call)
    thread.start()
    until(lambda: fetch_metric(bridge, "mcp_calls_in_flight") == 1)
    yield found
    thread.join()


def fetch_metric(bridge: RunningBridge, name: str) -> float:
    text = fetch(f"http://127.0.0.1:{bridge.metrics_port}/metrics").text
    families = text_string_to_metric_families(text)
    return sum(s.value for family in families for s in family.samples if s.name == name)


@pytest.mark.parametrize("era", ["modern", "legacy"])
def test_sigterm_lets_running_calls_finish(tmp_path: Path, era: str):
    with bridging(tmp_path, faults(), longest_tool_seconds=10, drain_seconds=15) as bridge:
        with calling(bridge, era, "slow", seconds=1.5, text="finished") as found:
            pids = bridge.children()
            bridge.terminate()
        assert text(found[0]) == "finished"
        assert bridge.program.wait(10) == 0
        assert not [pid for pid in pids if alive(pid)]
        # Each ended by itself once its stdin was closed.
        assert {entry["status"] for entry in bridge.events("program_stopped")} == {0}


@pytest.mark.slow
@pytest.mark.parametrize("era", ["modern", "legacy"])
def test_the_drain_ends_within_its_budget(tmp_path: Path, era: str):
    stubborn = faults("--stubborn")
    with bridging(tmp_path, stubborn, longest_tool_seconds=8, drain_seconds=10) as bridge:
        with calling(bridge, era, "hang") as found:
            began = bridge.terminate()
        assert "The server is stopping" in found[0]["error"]["message"]
        pids = [entry["pid"] for entry in bridge.events("program_started")]
        assert bridge.program.wait(20) == 0
        assert time.monotonic() - began < 11
        assert not [pid for pid in pids if alive(pid)]
        assert {e["status"] for e in bridge.events("program_stopped")} == {-signal.SIGKILL}


def test_a_killed_bridge_leaves_no_program(tmp_path: Path):
    with bridging(tmp_path, faults()) as bridge:
        pids = bridge.children()
        os.kill(bridge.program.pid, signal.SIGKILL)
        until(lambda: not [pid for pid in pids if alive(pid)])


def test_no_number_of_cancelled_calls_is_exported_because_nobody_could_read_it(tmp_path: Path):
    with bridging(tmp_path, faults()) as bridge:
        exported = fetch(f"http://127.0.0.1:{bridge.metrics_port}/metrics").text
    assert "mcp_calls_in_flight" in exported
    assert "mcp_calls_cancelled_by_drain" not in exported
