"""The gateway's nginx loses no call while the server behind it is replaced by another one."""

from __future__ import annotations

import contextlib
import json
import random
import re
import signal
import threading
from collections import Counter
from collections.abc import AsyncGenerator, Generator
from dataclasses import dataclass, field
from pathlib import Path

import anyio
import httpx2
import pytest

from components.kubernetes.gateway import Upstream
from components.kubernetes.routes import Route
from runtime.listeners import KEPT_SECONDS
from tests.harness.certificates import Authority
from tests.harness.network import port
from tests.harness.nginx_gateway import BEHIND, NAME, gateway_pod
from tests.harness.running_pod import run_container
from tests.harness.server import (
    MODERN,
    RunningServer,
    eventually,
    fetch,
    free_port,
    modern_request,
    serving,
    until,
)
from tests.harness.service import Service, service
from tests.harness.tokens import Issuer

pytestmark = pytest.mark.slow

PROTOCOL = {"longest_tool_seconds": 3, "drain_seconds": 8}
STEPS = 6
LONG = 2.5
"""Seconds of a call that is cut if it begins much later than a drain allows."""
BUSY = {"longest_tool_seconds": 15, "drain_seconds": 21}
"""Calls of a second are late on a busy machine, and are not to be cut for that."""
KEPT = 48
"""Connections between nginx and the server that stay open after many calls at a time."""
EVERY = 0.1
"""Seconds between two calls."""
CALLERS = LISTENERS = 60
HALTED = (0.02, 0.3)
"""Seconds for which a busy machine runs other programs: at least, and at most."""


@dataclass
class Rollout:
    """Two servers, and the gateway in front of the one that the Service chooses."""

    old: RunningServer
    new: RunningServer
    pods: Service
    client: httpx2.AsyncClient
    calls: int = 0
    open_streams: int = 0
    lost: list[str] = field(default_factory=list[str])

    async def call(self, seconds: float = LONG) -> None:
        """Call a tool that reports its progress, with a connection of its own."""
        arguments = {"to": STEPS, "pause_seconds": seconds / STEPS}
        body = modern_request("tools/call", name="count", arguments=arguments)
        body["params"]["_meta"]["progressToken"] = 1
        text = ""
        try:
            async with self.client.stream("POST", "/mcp", json=body) as answer:
                async for part in answer.aiter_text():
                    text += part
        except httpx2.TransportError as error:
            text += repr(error)
        self.calls += 1
        last = text.rpartition("data: ")[2]
        with contextlib.suppress(ValueError):
            if not json.loads(last)["result"].get("isError"):
                return
        self.lost.append(text[-300:])

    async def listen(self) -> None:
        """Hold a standing stream, and open another one when it ends."""
        headers = {"mcp-method": "subscriptions/listen", "mcp-name": ""}
        body = modern_request("subscriptions/listen", notifications={"toolsListChanged": True})
        while True:
            try:
                async with self.client.stream("POST", "/mcp", json=body, headers=headers) as stream:
                    self.open_streams += stream.status_code == 200
                    try:
                        async for _ in stream.aiter_text():
                            pass
                    finally:
                        self.open_streams -= stream.status_code == 200
                    if stream.status_code != 200:
                        self.lost.append(f"stream: {stream.status_code}")
                        return
            except httpx2.TransportError as error:
                self.lost.append(f"stream: {error!r}")
                return

    def replace(self) -> None:
        """Send new connections to the new server, and stop the old one."""
        self.pods.behind = self.new.config["server"]["tls_port"]
        self.old.terminate()


@pytest.fixture
def protocol() -> dict[str, int]:
    """The server's section of this name."""
    return PROTOCOL


@pytest.fixture
def servers(
    tmp_path: Path, authority: Authority, issuer: Issuer, protocol: dict[str, int]
) -> Generator[tuple[RunningServer, RunningServer]]:
    """Two servers, and a gateway that reaches one of them once a Service chooses it."""
    certificate, key = authority.issue("core", [NAME])
    secured = {"tls_cert": str(certificate), "tls_key": str(key)}
    pod = gateway_pod(tmp_path, authority)
    with contextlib.ExitStack() as running:
        started: list[RunningServer] = []
        for name in ("old", "new"):
            files = tmp_path / name
            files.mkdir()
            ports = {"port": free_port(), "tls_port": free_port()}
            server = serving(files, issuer, server=ports | secured, protocol=protocol)
            started.append(running.enter_context(server))
        nginx = running.enter_context(run_container(pod, "gateway"))
        until(lambda: is_ready(nginx.process.poll()))
        yield started[0], started[1]


@pytest.fixture
async def rollout(
    servers: tuple[RunningServer, RunningServer], authority: Authority
) -> AsyncGenerator[Rollout]:
    old, new = servers
    headers = {
        "accept": "text/event-stream, application/json",
        "authorization": f"Bearer {old.token}",
        "mcp-protocol-version": MODERN,
        "mcp-method": "tools/call",
        "mcp-name": "count",
    }
    async with (
        service(port(BEHIND), old.config["server"]["tls_port"]) as pods,
        httpx2.AsyncClient(
            base_url=f"https://127.0.0.1:{port(8443)}",
            verify=authority.trust(),
            headers=headers,
            # So that each call of this client has a connection of its own.
            limits=httpx2.Limits(max_connections=None, max_keepalive_connections=0),
            timeout=60,
        ) as client,
    ):
        yield Rollout(old, new, pods, client)


def is_ready(status: int | None) -> bool:
    assert status is None
    with contextlib.suppress(httpx2.TransportError):
        return fetch(f"http://127.0.0.1:{port(8080)}/ready").status_code == 200
    return False


@contextlib.contextmanager
def busy_machine(*servers: RunningServer) -> Generator[None]:
    """Halt each server for half of the time, at moments of chance, as if other programs ran.

    How late they are does not depend on what else this machine does.
    """
    ended = threading.Event()

    def halt(server: RunningServer, moments: random.Random) -> None:
        with contextlib.suppress(ProcessLookupError):  # it has ended
            while not ended.is_set():
                server.program.signal(signal.SIGSTOP)
                ended.wait(moments.uniform(*HALTED))
                server.program.signal(signal.SIGCONT)
                ended.wait(moments.uniform(*HALTED))

    halting = [
        threading.Thread(target=halt, args=(server, random.Random(seed)))
        for seed, server in enumerate(servers)
    ]
    for each in halting:
        each.start()
    try:
        yield
    finally:
        ended.set()
        for each in halting:
            each.join()


async def test_connections_that_nginx_keeps_bring_no_call_to_a_server_that_stops(rollout: Rollout):
    """A call that began there late would be cut at the end of the drain."""
    async with anyio.create_task_group() as burst:
        for _ in range(KEPT):
            burst.start_soon(rollout.call, 0.6)
    assert rollout.lost == []
    kept = rollout.pods.accepted
    assert kept >= KEPT / 2
    async with anyio.create_task_group() as calls:
        rollout.replace()
        for _ in range(round(PROTOCOL["drain_seconds"] / EVERY)):
            calls.start_soon(rollout.call)
            await anyio.sleep(EVERY)
    assert rollout.lost == [], Counter(rollout.lost)
    assert await anyio.to_thread.run_sync(rollout.old.exit_status) == 0
    assert rollout.old.events("drain_cancelled_calls") == []


@pytest.mark.parametrize("protocol", [BUSY])
async def test_no_call_and_no_stream_is_lost_on_a_busy_machine(rollout: Rollout):
    calling = True

    async def repeatedly() -> None:
        while calling:
            await rollout.call(1.0)

    before, streams_of_the_new_server = 0, 0.0
    with busy_machine(rollout.old, rollout.new):
        async with anyio.create_task_group() as clients:
            async with anyio.create_task_group() as callers:
                for _ in range(CALLERS):
                    callers.start_soon(repeatedly)
                for _ in range(LISTENERS):
                    clients.start_soon(rollout.listen)
                await eventually(lambda: rollout.open_streams == LISTENERS, 60)
                await eventually(lambda: rollout.calls >= CALLERS, 60)
                before = rollout.calls
                rollout.replace()
                await eventually(lambda: rollout.old.program.exit_status is not None, 60)
                calling = False
            await eventually(lambda: rollout.open_streams == LISTENERS, 60)
            streams_of_the_new_server = rollout.new.metric("mcp_open_streams")
            clients.cancel_scope.cancel()
    assert rollout.lost == [], Counter(rollout.lost)
    assert rollout.calls - before >= CALLERS
    assert rollout.old.exit_status() == 0
    assert rollout.old.events("drain_cancelled_calls") == []
    assert streams_of_the_new_server == LISTENERS


async def test_an_unused_connection_is_closed_before_a_stopping_server_would(rollout: Rollout):
    """What nginx sends at the moment at which a server closes the connection is lost."""
    await rollout.call(0.1)
    answered = anyio.current_time()
    await eventually(lambda: not rollout.pods.forwarding)
    assert anyio.current_time() - answered < KEPT_SECONDS - 0.5
    assert rollout.lost == []


def test_every_upstream_closes_unused_connections_in_time(tmp_path: Path, authority: Authority):
    """A second before the server does, since a busy machine is late."""
    to = Upstream(host="127.0.0.1", port=BEHIND, certificate_name=NAME)
    routed = Route(name="weather", upstream=to)
    pod = gateway_pod(tmp_path, authority, authorizer=to, routes=[routed])
    text = next(text for files in pod.config_maps.values() for text in files.values())
    upstreams = re.findall(r"upstream (\S+) \{(.*?)\n    \}", text, re.DOTALL)
    assert {name for name, _ in upstreams} == {"mcp", "authorizer", "server-weather"}
    for name, settings in upstreams:
        (seconds,) = re.findall(r"keepalive_timeout (\d+)s;", settings)
        assert int(seconds) + 1 <= KEPT_SECONDS, name
