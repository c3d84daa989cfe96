"""Clients lose no call, no stream and no session while pods are replaced."""

from __future__ import annotations

import contextlib
import re
import ssl
import subprocess
import time
from collections.abc import Generator, Iterator, Mapping
from pathlib import Path
from typing import Any

import anyio
import httpx2
import pytest

from delivery.mcp_client import Era, connected
from tests.harness.client_load import CallOutcomes, ClientLoad
from tests.harness.deployed_platform import Platform
from tests.harness.server import eventually, initialize_request

CALLERS = 200
LISTENERS = 200
WITH_SESSIONS = 20
LISTINGS = 18
"""With the two messages that begin a session no more than a user may send at once."""
ROLLED = ("mcp-gateway", "mcp-core")
UNUSUAL = re.compile(r"\"level\": \"(warning|error|critical)\"|\[(warn|error|crit)\]")


@pytest.mark.smoke
async def test_a_rolling_update_of_gateway_and_core_loses_no_call_stream_or_session(
    services: Platform, tmp_path: Path
):
    fleet = ClientLoad(services.endpoints_of_users())
    account, begun = fleet.account, 0
    old = [pod for workload in ROLLED for pod in services.pods(workload)]
    with followed(services, old, tmp_path) as logs:
        async with anyio.create_task_group() as clients:
            for _ in range(CALLERS):
                clients.start_soon(fleet.call, Era.MODERN)
            for _ in range(WITH_SESSIONS):
                clients.start_soon(fleet.call, Era.LEGACY)
            for _ in range(LISTENERS):
                clients.start_soon(fleet.listen)
            with shown(account):
                await eventually(lambda: account.open_streams == LISTENERS or account.lost, 240)
                await eventually(lambda: account.calls >= CALLERS or account.lost, 120)
            begun = account.calls
            await anyio.to_thread.run_sync(roll, services)
            with shown(account):
                await eventually(lambda: none_left(services, old), 180)
                await eventually(lambda: account.open_streams == LISTENERS or account.lost, 60)
            fleet.stop.set()
    print(
        f"{account.calls} calls ({account.calls - begun} since the rollout began), "
        f"{account.ends} streams ended in order",
        *account.lost,
        sep="\n",
    )
    if account.lost:
        print(*warnings(services, logs), sep="\n")
    assert account.lost == []
    assert account.calls - begun >= CALLERS
    assert account.ends >= LISTENERS
    for name, log in logs.items():
        if name.startswith("mcp-core"):
            assert '"stopped"' in log.read_text(), name
            assert "drain_cancelled_calls" not in log.read_text(), name


@contextlib.contextmanager
def shown(account: CallOutcomes) -> Generator[None]:
    """Prints the counts when the block fails."""
    try:
        yield
    except TimeoutError:
        print(account)
        raise


def warnings(platform: Platform, logs: Mapping[str, Path]) -> Iterator[str]:
    """The warnings and errors in the logs of the old pods, and of the new ones of core."""
    texts = {name: log.read_text() for name, log in logs.items()}
    for pod in platform.pods("mcp-core"):
        name = pod["metadata"]["name"]
        texts[name] = platform.kubectl.must("logs", f"-n={platform.namespace}", name)
    for name, text in texts.items():
        unusual = [line for line in text.splitlines() if UNUSUAL.search(line)]
        yield f"{name}: {len(text.splitlines())} lines, and of these:"
        yield from (line[:300] for line in unusual[:20])


def roll(platform: Platform) -> None:
    """A new version of both, as a changed annotation makes one; returns when it is all there."""
    where = f"-n={platform.namespace}"
    names = [f"deployment/{workload}" for workload in ROLLED]
    platform.kubectl.must("rollout", "restart", *names, where)
    for name in names:
        platform.kubectl.must("rollout", "status", name, where, "--timeout=240s", timeout=260)


def none_left(platform: Platform, pods: list[dict[str, Any]]) -> bool:
    there = {pod["metadata"]["name"] for pod in platform.pods()}
    return not there & {pod["metadata"]["name"] for pod in pods}


@contextlib.contextmanager
def followed(
    platform: Platform, pods: list[dict[str, Any]], folder: Path
) -> Generator[dict[str, Path]]:
    """A file for each pod, which its log is written to until it ends."""
    logs = {pod["metadata"]["name"]: folder / pod["metadata"]["name"] for pod in pods}
    with contextlib.ExitStack() as following:
        for name, file in logs.items():
            argv = platform.kubectl.argv("logs", "-f", "--tail=0", f"-n={platform.namespace}", name)
            written = following.enter_context(file.open("wb"))
            child = following.enter_context(subprocess.Popen(argv, stdout=written))
            following.callback(child.kill)
        yield logs


def test_a_session_is_found_by_every_new_connection(services: Platform):
    """Two pods of each; a connection reaches any of them."""
    endpoint = services.endpoint()
    trust = ssl.create_default_context(cafile=endpoint.ca_file)
    headers = {
        "authorization": f"Bearer {endpoint.token}",
        "accept": "application/json, text/event-stream",
    }

    def post(body: dict[str, Any], **more: str) -> httpx2.Response:
        return httpx2.post(
            endpoint.url,
            json=body,
            headers=headers | more,
            verify=trust,
            trust_env=False,
            timeout=20,
        )

    assert len(services.pods("mcp-gateway")) == len(services.pods("mcp-core")) == 2
    session = {"mcp-session-id": post(initialize_request()).headers["mcp-session-id"]}
    began = {"jsonrpc": "2.0", "method": "notifications/initialized"}
    assert post(began, **session).status_code == 202
    listing = {"jsonrpc": "2.0", "id": 1, "method": "tools/list"}
    codes = [post(listing, **session).status_code for _ in range(LISTINGS)]
    assert codes == [200] * LISTINGS


@pytest.mark.parametrize("era", list(Era))
async def test_a_call_that_its_client_gives_up_is_cancelled(services: Platform, era: Era):
    async with connected(services.endpoint(), era) as client:
        await client.list_tools()
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(client.call_tool, "wait", {"seconds": 19})
            await eventually(lambda: in_flight(services) == 1, 15)
            tasks.cancel_scope.cancel()
        cancelled = time.monotonic()
        await eventually(lambda: in_flight(services) == 0, 15)
    assert time.monotonic() - cancelled < 10


def in_flight(platform: Platform) -> float:
    """Calls in flight at core, as its pods count them."""
    ask = (
        "import urllib.request as r; print(next(l.split()[1] for l in "
        "r.urlopen('http://127.0.0.1:9090/metrics').read().decode().splitlines() "
        "if l.startswith('mcp_calls_in_flight ')))"
    )
    return sum(
        float(platform.run_in(pod, "python3", "-c", ask)) for pod in platform.pods("mcp-core")
    )
