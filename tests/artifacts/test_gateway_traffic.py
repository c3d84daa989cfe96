"""Two minutes of traffic through the real nginx to the real server: streams, long calls, cuts.

All of it runs at once, so that the file takes as long as its longest call.
"""

from __future__ import annotations

import contextlib
import json
import ssl
import statistics
import time
from collections.abc import AsyncGenerator, Generator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import anyio
import httpx2
import pytest
from mcp import Client
from mcp.client.streamable_http import streamable_http_client
from mcp_types import CallToolResult
from websockets.asyncio.client import connect

from components.kubernetes.core import Monolith, MonolithArgs
from components.kubernetes.gateway import RateLimits
from components.mcp.timeout_budget import Distance, TimeoutBudget
from tests.harness import minimal_args as parts
from tests.harness import programs, record
from tests.harness.certificates import Authority
from tests.harness.containers import RunningContainer
from tests.harness.network import port, private_network
from tests.harness.pods import Pod
from tests.harness.running_pod import run_container
from tests.harness.server import (
    MODERN,
    eventually,
    initialize_request,
    modern_request,
    text_of,
    until,
)
from tests.harness.tokens import Issuer

pytestmark = pytest.mark.slow

LONGEST = 130
STREAM = 120
BUDGET = TimeoutBudget(longest_tool=LONGEST)
NAME = "mcp-server"


@dataclass
class Platform:
    """The pod's two programs, and what a client of theirs needs."""

    pod: Pod
    gateway: RunningContainer
    trust: ssl.SSLContext
    token: str

    @property
    def url(self) -> str:
        """Where MCP is."""
        return f"https://127.0.0.1:{port(8443)}/mcp"

    def http(self, headers: dict[str, str] | None = None) -> httpx2.AsyncClient:
        """A client as the usual bearer."""
        all_headers = {"authorization": f"Bearer {self.token}", **(headers or {})}
        return httpx2.AsyncClient(headers=all_headers, verify=self.trust, timeout=150)

    @contextlib.asynccontextmanager
    async def client(self, mode: str) -> AsyncGenerator[Client]:
        """The official client; `mode` as its own argument."""
        async with self.http() as http:
            transport = streamable_http_client(self.url, http_client=http)
            async with Client(transport, mode=mode) as client:
                yield client

    def metric(self, name: str) -> float:
        """The sample of this name at the server."""
        lines = httpx2.get(f"http://127.0.0.1:{port(9090)}/metrics").text.splitlines()
        return float(next(x.split()[1] for x in lines if x.startswith(f"{name} ")))


def pod(directory: Path, authority: Authority, issuer: Issuer, **gateway: Any) -> Pod:
    """Gateway and server of a monolith without data, as its component makes them."""
    config = parts.config(name=NAME, http=8081, https=8444, budget=BUDGET)
    made = parts.monolith(config=config)
    front = parts.gateway(upstream=made.gateway.upstream, domain=None, budget=BUDGET, **gateway)
    graph = record(lambda: Monolith(NAME, MonolithArgs(core=made.core, gateway=front)))
    secrets: dict[str, dict[str, str]] = {
        "mcp-issuer-keys": {"jwks.json": issuer.jwks_file.read_text()}
    }
    for name, hosts in (("mcp-tls-secret", None), ("mcp-internal-tls", [NAME])):
        certificate, key = authority.issue(name, hosts) if hosts else authority.issue(name)
        secrets[name] = {
            "tls.crt": certificate.read_text(),
            "tls.key": key.read_text(),
        }
    secrets["mcp-internal-ca"] = {"ca.crt": authority.ca_file.read_text()}
    return Pod.recorded(graph, NAME, directory, secrets)


@contextlib.contextmanager
def started(
    directory: Path, authority: Authority, issuer: Issuer, **given: Any
) -> Generator[Platform]:
    programs.required("nginx")
    made = pod(directory, authority, issuer, **given)
    with (
        private_network(),
        run_container(made, "server") as server,
        run_container(made, "gateway") as gateway,
    ):
        here = f"https://127.0.0.1:{port(8443)}/mcp"
        token = issuer.token(iss=parts.ISSUER, aud=here, lives_seconds=900)
        platform = Platform(made, gateway, authority.trust(), token)
        until(lambda: is_ready(server, 8081), within_seconds=30)
        until(lambda: is_ready(gateway, 8080))
        yield platform


def is_ready(running: RunningContainer, number: int) -> bool:
    assert running.process.poll() is None, running.log
    with contextlib.suppress(httpx2.TransportError):
        return httpx2.get(f"http://127.0.0.1:{port(number)}/ready").status_code == 200
    return False


@pytest.fixture(scope="module")
def platform(
    tmp_path_factory: pytest.TempPathFactory, authority: Authority, issuer: Issuer
) -> Generator[Platform]:
    with started(tmp_path_factory.mktemp("traffic"), authority, issuer) as platform:
        yield platform


@dataclass
class Seen:
    """What the clients saw, times in seconds from their request on."""

    counted: list[float]
    first_byte: float
    quiet_stream: float
    finished: CallToolResult
    cut: CallToolResult
    cut_after: float


@pytest.fixture(scope="module")
def seen(platform: Platform) -> Seen:
    """All the traffic, side by side."""
    found: dict[str, Any] = {}

    async def call(name: str, seconds: float) -> None:
        async with platform.client(MODERN) as client:
            await client.list_tools()
            began = time.monotonic()
            found[name] = await client.call_tool("wait", {"seconds": seconds})
            found[f"{name}_after"] = time.monotonic() - began

    async def all_at_once() -> None:
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(call, "finished", LONGEST - 1)
            tasks.start_soon(call, "cut", LONGEST + 60)
            tasks.start_soon(partial(count, platform, found))
            tasks.start_soon(partial(listen, platform, found))

    anyio.run(all_at_once)
    del found["finished_after"]
    return Seen(**found)


async def count(platform: Platform, found: dict[str, Any]) -> None:
    """One event a second, each noted when its bytes arrive; the connection exists before."""
    asked = modern_request(
        "tools/call", name="count", arguments={"to": STREAM + 1, "pause_seconds": 1}
    )
    asked["params"]["_meta"] |= {"progressToken": 1}
    async with platform.http() as http:
        await http.get(platform.url.replace("/mcp", "/health"))
        arrivals: list[float] = []
        began = time.monotonic()
        async with http.stream("POST", platform.url, json=asked, headers=modern("count")) as answer:
            async for text in answer.aiter_raw():
                found.setdefault("first_byte", time.monotonic() - began)
                arrivals += [time.monotonic() - began] * text.count(b"notifications/progress")
    found["counted"] = arrivals


async def listen(platform: Platform, found: dict[str, Any]) -> None:
    """A stream on which nothing happens, of a legacy session; how long it was there."""
    accepts = {"accept": "application/json, text/event-stream"}
    async with platform.http(headers=accepts) as http:
        opened = await http.post(platform.url, json=initialize_request())
        session = {"mcp-session-id": opened.headers["mcp-session-id"]}
        began = time.monotonic()
        async with http.stream("GET", platform.url, headers=session) as stream:
            assert stream.status_code == 200
            with anyio.move_on_after(STREAM):
                async for _ in stream.aiter_raw():
                    pass
        found["quiet_stream"] = time.monotonic() - began


def modern(name: str) -> dict[str, str]:
    """The headers of a tool call of the modern era."""
    return {
        "accept": "application/json, text/event-stream",
        "mcp-protocol-version": MODERN,
        "mcp-method": "tools/call",
        "mcp-name": name,
    }


def test_a_stream_of_two_minutes_arrives_as_it_is_sent(seen: Seen):
    gaps = [later - sooner for sooner, later in zip(seen.counted, seen.counted[1:], strict=False)]
    assert len(seen.counted) == STREAM + 1
    assert STREAM <= seen.counted[-1] < STREAM + 10
    # One a second. Were they kept back and sent together, most gaps would be none.
    assert statistics.median(gaps) == pytest.approx(1, abs=0.1)


def test_the_first_byte_of_a_stream_comes_at_once(platform: Platform, seen: Seen):
    """Under 50 ms. A busy machine delays any one stream, so the quickest of a few counts."""
    firsts = [seen.first_byte]

    async def again() -> None:
        asked = modern_request("tools/call", name="count", arguments={"to": 2, "pause_seconds": 1})
        asked["params"]["_meta"] |= {"progressToken": 1}
        async with platform.http() as http:
            await http.get(platform.url.replace("/mcp", "/health"))
            for _ in range(3):
                began = time.monotonic()
                url, headers = platform.url, modern("count")
                async with http.stream("POST", url, json=asked, headers=headers) as answer:
                    await anext(answer.aiter_raw())
                    firsts.append(time.monotonic() - began)

    anyio.run(again)
    assert min(firsts) < 0.05, firsts


def test_a_stream_on_which_nothing_happens_stays_open(seen: Seen):
    assert seen.quiet_stream >= STREAM


def test_a_call_as_long_as_the_budget_allows_finishes(seen: Seen):
    assert (text_of(seen.finished), seen.finished.is_error) == (f"waited {LONGEST - 1} s", False)


def test_a_longer_call_is_cut_with_a_clear_error_and_not_by_the_gateway(seen: Seen):
    assert seen.cut.is_error
    assert f"ran longer than {LONGEST} s" in text_of(seen.cut)
    assert LONGEST <= seen.cut_after < BUDGET.at(Distance.GATEWAY).timeout


async def test_a_client_that_goes_cancels_its_call_behind_the_gateway(platform: Platform):
    async with platform.client(MODERN) as client, anyio.create_task_group() as tasks:
        tasks.start_soon(client.call_tool, "wait", {"seconds": LONGEST})
        await eventually(lambda: platform.metric("mcp_calls_in_flight") == 1)
        tasks.cancel_scope.cancel()
    await eventually(lambda: platform.metric("mcp_calls_in_flight") == 0)


async def test_a_websocket_carries_messages_both_ways(platform: Platform):
    async with websocket(platform) as connection:
        for text in ("häl", "x" * 100_000):
            echo = modern_request("tools/call", name="echo", arguments={"text": text})
            await connection.send(json.dumps(echo))
            answer: dict[str, Any] = json.loads(await connection.recv())
            assert answer["result"]["content"][0]["text"] == text


async def test_closing_a_websocket_cancels_its_calls(platform: Platform):
    wait = modern_request("tools/call", name="wait", arguments={"seconds": LONGEST})
    async with websocket(platform) as connection:
        await connection.send(json.dumps(wait))
        await eventually(lambda: platform.metric("mcp_calls_in_flight") == 1)
    await eventually(lambda: platform.metric("mcp_calls_in_flight") == 0)


def websocket(platform: Platform) -> connect:
    """A WebSocket through the gateway."""
    url = platform.url.replace("https", "wss").replace("/mcp", "/ws")
    bearer = {"authorization": f"Bearer {platform.token}"}
    return connect(url, additional_headers=bearer, ssl=platform.trust, proxy=None)


def test_a_body_over_the_limit_is_refused_by_the_gateway(platform: Platform):
    bearer = {"authorization": f"Bearer {platform.token}"}
    limit = 4 * 1024 * 1024
    answers = [
        httpx2.post(platform.url, content=body, headers=bearer, verify=platform.trust, timeout=60)
        for body in (b" " * (limit + 1), b" " * limit)
    ]
    # The larger before the server hears of it; the other is no JSON, which the server says.
    assert [answer.status_code for answer in answers] == [413, 400]
    assert (
        answers[0].json()["error"]["message"] == f"The request body is larger than {limit} bytes."
    )


def test_a_client_that_keeps_to_its_rate_is_served(
    tmp_path: Path, authority: Authority, issuer: Issuer
):
    """The limits of the orchestration document leave the official client room in both eras."""

    async def called(platform: Platform, mode: str) -> str:
        async with platform.client(mode) as client:
            return text_of(await client.call_tool("echo", {"text": mode}))

    with started(tmp_path, authority, issuer, rate_limits=RateLimits()) as platform:
        for mode in (MODERN, "legacy"):
            assert anyio.run(called, platform, mode) == mode


def test_the_gateway_adds_less_than_a_millisecond_at_the_median(platform: Platform):
    """In turn over kept connections; of three rounds, the one that the machine disturbed least."""
    urls = [f"https://127.0.0.1:{port(number)}/health" for number in (8443, 8444)]
    with httpx2.Client(verify=platform.trust) as client:

        def seconds(url: str) -> float:
            began = time.perf_counter()
            assert client.get(url).status_code == 200
            return time.perf_counter() - began

        rounds: list[float] = []
        for _ in range(3):
            pairs = [[seconds(url) for url in urls] for _ in range(100)]
            rounds.append(statistics.median(through - direct for through, direct in pairs))
    assert min(rounds) < 0.001, rounds
