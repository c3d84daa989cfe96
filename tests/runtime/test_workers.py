"""A server with several processes behaves as one: its calls, drain, probes and metrics."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import ssl
import time
from collections.abc import Generator
from pathlib import Path
from typing import Any

import anyio
import httpx2
import pytest
from mcp_types import CallToolResult
from mcp_types.version import LATEST_HANDSHAKE_VERSION

from tests.harness import valkey
from tests.harness.certificates import Authority
from tests.harness.server import (
    MODERN,
    PLAIN,
    RunningServer,
    eventually,
    fetch,
    free_port,
    initialize_request,
    modern_request,
    run_program,
    serving,
    settings,
    text_of,
    until,
    write_config,
)
from tests.harness.tokens import Issuer

pytestmark = pytest.mark.slow

DRAIN_SECONDS = 6
PROTOCOL = {"era": "modern", "longest_tool_seconds": 4, "drain_seconds": DRAIN_SECONDS}
ECHO = modern_request("tools/call", name="echo", arguments={"text": "hi"})


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority.at(tmp_path_factory.mktemp("workers"))


@pytest.fixture(scope="module")
def server(authority: Authority, issuer: Issuer) -> Generator[RunningServer]:
    """A server for tests that leave two workers running."""
    with started(authority, issuer) as running:
        yield running


@pytest.fixture
def ending(authority: Authority, issuer: Issuer) -> Generator[RunningServer]:
    """A server for a test that ends it."""
    with started(authority, issuer) as running:
        yield running


@contextlib.contextmanager
def started(authority: Authority, issuer: Issuer) -> Generator[RunningServer]:
    """Start two workers. With TLS, the probes on the plain port are the parent's."""
    port = free_port()
    certificate, key = authority.issue(f"server-{port}")
    section: dict[str, Any] = {"workers": 2, "tls_port": port}
    section |= {"tls_cert": str(certificate), "tls_key": str(key)}
    directory, verify = authority.directory, authority.trust()
    with serving(directory, issuer, verify, server=section, protocol=PROTOCOL) as running:
        until(lambda: len(pids(running)) == 2)
        yield running


def pids(server: RunningServer) -> dict[int, int]:
    """By number, the process id of each worker that has begun to serve; the last of each number."""
    return {entry["worker"]: entry["pid"] for entry in server.events("serving")}


def call(server: RunningServer) -> httpx2.Response:
    """Call `echo` over a connection of its own."""
    return post(server, ECHO)


def post(server: RunningServer, body: dict[str, Any]) -> httpx2.Response:
    """POST a call of the modern era."""
    name = body["params"]["name"]
    return server.post(body, version=MODERN, mcp_method="tools/call", mcp_name=name)


def replaced(server: RunningServer, number: int, pid: int) -> int:
    """Wait for the replacement of the worker with this process id, and return its own."""
    return until(lambda: (found := pids(server)[number]) != pid and found)


def counted(server: RunningServer) -> float:
    """The counted calls of `echo`."""
    return server.metric("mcp_tool_requests_total", tool_name="echo")


def served_by(server: RunningServer) -> set[int]:
    """The numbers of the workers that have answered calls."""
    return {entry["worker"] for entry in server.events("request") if entry["path"] == "/mcp"}


def test_calls_are_served_by_every_process_and_counted_together(server: RunningServer):
    assert len({*pids(server).values(), server.program.pid}) == 3
    before, calls = counted(server), 0
    while served_by(server) != {0, 1}:
        assert call(server).status_code == 200
        calls += 1
        assert calls < 60, "60 connections went to one of two workers"
    assert counted(server) == before + calls
    assert server.metric("mcp_tool_duration_seconds_count", tool_name="echo") == before + calls
    assert server.metric("mcp_workers") == 2
    assert server.metric("mcp_draining") == 0


def test_a_killed_worker_is_replaced_and_no_counter_goes_back(server: RunningServer):
    for _ in range(10):
        call(server)
    calls, replacements = counted(server), server.metric("mcp_workers_replaced_total")
    before = pids(server)
    for number, pid in before.items():
        os.kill(pid, signal.SIGKILL)
        assert replaced(server, number, pid) not in before.values()
        until(lambda: server.metric("mcp_workers") == 2)
        assert counted(server) == calls
    for _ in range(10):
        assert call(server).status_code == 200
    assert counted(server) == calls + 10
    assert server.metric("mcp_workers_replaced_total") == replacements + 2
    assert [entry["status"] for entry in server.events("worker_ended")] == [-signal.SIGKILL] * 2


def test_a_worker_holds_no_connection_of_its_parent(server: RunningServer):
    """Else a connection that the parent closes would stay open."""
    with httpx2.Client(verify=PLAIN) as kept:
        assert kept.get(server.metrics_url).status_code == 200
        number, pid = next(iter(pids(server).items()))
        os.kill(pid, signal.SIGKILL)
        new = replaced(server, number, pid)
        assert len(sockets_of(new) & sockets_of(server.program.pid)) == 1  # where it listens


def sockets_of(pid: int) -> set[str]:
    links: set[str] = set()
    for descriptor in Path(f"/proc/{pid}/fd").iterdir():
        target = os.readlink(descriptor)
        if target.startswith("socket:"):
            links.add(target)
    return links


async def test_a_drain_loses_no_call_of_any_worker(ending: RunningServer):
    results: list[CallToolResult] = []
    sent = 0.0

    async def wait() -> None:
        async with ending.client("modern") as client:
            await client.list_tools()
            results.append(await client.call_tool("wait", {"seconds": 2}))

    async with anyio.create_task_group() as tasks:
        for _ in range(16):
            tasks.start_soon(wait)
        await eventually(lambda: ending.metric("mcp_calls_in_flight") == 16)
        sent = ending.terminate()
        await eventually(lambda: ending.metric("mcp_draining") == 1)
        readiness = fetch(f"{ending.plain}/ready")
        assert (readiness.status_code, readiness.json()["status"]) == (503, "draining")
        await eventually(lambda: refuses_connections(ending))
        assert ending.metric("mcp_calls_in_flight") > 0
    assert await anyio.to_thread.run_sync(ending.exit_status) == 0
    assert time.monotonic() - sent < DRAIN_SECONDS
    assert [text_of(result) for result in results] == ["waited 2 s"] * 16
    assert workers_of(ending, "draining") == {0, 1}
    assert [entry["status"] for entry in ending.events("worker_ended")] == [0, 0]
    assert all(gone(pid) for pid in pids(ending).values())


def refuses_connections(server: RunningServer) -> bool:
    try:
        socket.create_connection(("127.0.0.1", server.config["server"]["tls_port"])).close()
    except ConnectionRefusedError:
        return True
    return False


async def test_a_second_signal_ends_the_server_at_once(ending: RunningServer):
    sent, status = 0.0, 0
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(cut_call, ending)
        await eventually(lambda: ending.metric("mcp_calls_in_flight") == 1)
        ending.terminate()
        await eventually(lambda: ending.metric("mcp_draining") == 1)
        sent = ending.terminate()
        status = await anyio.to_thread.run_sync(ending.exit_status)
    assert time.monotonic() - sent < 2
    assert status == 128 + signal.SIGTERM
    assert all(gone(pid) for pid in pids(ending).values())


async def cut_call(server: RunningServer) -> None:
    """Call `wait` for as long as a call may take; the server ends before it."""
    body = modern_request("tools/call", name="wait", arguments={"seconds": 4})
    with pytest.raises(httpx2.TransportError):
        await anyio.to_thread.run_sync(lambda: post(server, body))


def test_a_worker_without_its_parent_ends(ending: RunningServer):
    ending.program.signal(signal.SIGKILL)
    assert until(lambda: all(gone(pid) for pid in pids(ending).values()))


def gone(pid: int) -> bool:
    """Whether the process has ended; its entry may wait for a parent that reads its status."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except FileNotFoundError:
        return True


def test_the_server_is_ready_while_a_worker_is(server: RunningServer):
    assert fetch(f"{server.plain}/ready").json()["workers"] == {"ready": 2, "configured": 2}
    stopped = list(pids(server).values())
    os.kill(stopped[0], signal.SIGSTOP)
    one_left = fetch(f"{server.plain}/ready")
    os.kill(stopped[1], signal.SIGSTOP)
    none_left = fetch(f"{server.plain}/ready")
    alive = fetch(f"{server.plain}/health").status_code
    for pid in stopped:
        os.kill(pid, signal.SIGCONT)
    assert (one_left.status_code, one_left.json()["workers"]["ready"]) == (200, 1)
    assert (none_left.status_code, none_left.json()["workers"]["ready"]) == (503, 0)
    assert alive == 200
    assert fetch(f"{server.plain}/ready").status_code == 200


@pytest.mark.slow
def test_a_legacy_session_in_valkey_is_served_by_every_worker(
    tmp_path: Path, authority: Authority, issuer: Issuer
):
    list_tools = {"jsonrpc": "2.0", "id": 1, "method": "tools/list"}
    with (
        valkey.running(tmp_path / "valkey", authority) as store,
        serving(
            tmp_path,
            issuer,
            server={"workers": 2},
            protocol={"era": "dual"},
            state={"kind": "valkey"},
            redis=store.section(),
        ) as server,
    ):
        opened = server.post(initialize_request())
        session = opened.headers["mcp-session-id"]
        version = LATEST_HANDSHAKE_VERSION
        calls = 0
        while served_by(server) != {0, 1} or calls < 20:
            answer = server.post(list_tools, version=version, mcp_session_id=session)
            assert answer.status_code == 200
            calls += 1
            assert calls < 60, "60 connections went to one of two workers"


def test_a_port_in_use_is_reported_before_a_worker_starts(server: RunningServer, tmp_path: Path):
    section = server.config["server"] | {"port": free_port(), "metrics_port": free_port()}
    config = settings(server.issuer, server=section, protocol=PROTOCOL)
    ended = run_program("--config", write_config(tmp_path, config))
    assert ended.status == 1
    assert f"cannot listen on 127.0.0.1:{section['tls_port']}" in ended.stderr
    assert "serving" not in ended.stderr


@pytest.mark.slow
def test_a_worker_that_does_not_answer_is_replaced(server: RunningServer):
    """After six questions of 5 s each."""
    number, pid = next(iter(pids(server).items()))
    os.kill(pid, signal.SIGSTOP)
    assert until(lambda: pids(server)[number] != pid, within_seconds=60)
    assert [entry["pid"] for entry in server.events("worker_silent")] == [pid]


@pytest.mark.slow
def test_a_renewed_certificate_reaches_every_worker(server: RunningServer, authority: Authority):
    certificate = Path(server.config["server"]["tls_cert"])
    authority.issue(certificate.stem)
    until(lambda: workers_of(server, "certificate_renewed") == {0, 1}, within_seconds=30)
    assert {presented(server) for _ in range(20)} == {
        ssl.PEM_cert_to_DER_cert(certificate.read_text())
    }


def workers_of(server: RunningServer, event: str) -> set[int]:
    return {entry["worker"] for entry in server.events(event)}


def presented(server: RunningServer) -> bytes | None:
    address = ("127.0.0.1", server.config["server"]["tls_port"])
    with (
        socket.create_connection(address, timeout=5) as plain,
        server.verify.wrap_socket(plain, server_hostname="127.0.0.1") as secured,
    ):
        return secured.getpeercert(binary_form=True)
