"""The gateway's nginx serves each route with its own timeouts, and all within the limits."""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import anyio
import pytest

from components.kubernetes.gateway import RateLimit, RateLimits
from components.mcp.timeout_budget import TimeoutBudget
from tests.harness.certificates import Authority
from tests.harness.routed_gateway import (
    DOMAIN,
    FILES,
    OWN_HOST,
    PATH,
    WEATHER,
    RoutedGateway,
    route,
    routed,
)
from tests.harness.server import text_of, until
from tests.harness.tokens import Issuer

pytestmark = pytest.mark.slow


@pytest.fixture
def opened(tmp_path: Path, authority: Authority, issuer: Issuer) -> Callable[..., Any]:
    return partial(routed, tmp_path, authority, issuer)


@pytest.mark.slow
def test_each_server_has_the_timeouts_of_its_own_calls(opened: Any):
    """The budget of the platform is a second; that of weather is longer."""
    second = TimeoutBudget(longest_tool=1)
    routes = [
        route("weather", WEATHER, budget=TimeoutBudget(longest_tool=60)),
        route("files", FILES, path="/api/mcp", budget=second),
    ]

    async def waited(gateway: RoutedGateway, path: str, resource: str) -> str:
        token = gateway.token(resource)
        async with gateway.client("legacy", path, token=token) as client:
            return text_of(await client.call_tool("wait", {"seconds": 8}))

    with opened(routes=routes, budget=second) as gateway:
        assert anyio.run(waited, gateway, PATH, "weather") == "waited"
        conf = gateway.running.pod.config_maps["gateway-nginx"]["nginx.conf"]
        files = conf[conf.index("location = /servers/files/mcp {") :].partition(
            "}\n        location"
        )[0]
        assert "proxy_read_timeout 6s;" in files
        assert "worker_shutdown_timeout 70s;" in conf


SLOW = RateLimits(api=RateLimit(requests_per_second=1, burst=5, connections=4, streams=2))


FILES_PATH = "/servers/files/mcp"


def test_each_server_and_the_platform_count_on_their_own(opened: Any):
    """The burst and one: what one address may ask at once; it is the same at both of a server's."""
    with opened(rate_limits=SLOW) as gateway:
        files = {"path": FILES_PATH, "token": gateway.token("files")}
        own_host = {"path": "/mcp", "host": OWN_HOST, "token": gateway.token("own host")}
        began = time.monotonic()
        assert [gateway.call(**files).status_code for _ in range(6)] == [200] * 6
        assert [gateway.call().status_code for _ in range(6)] == [200] * 6
        platform = {"path": "/mcp", "token": gateway.token("platform")}
        assert [gateway.call(**platform).status_code for _ in range(6)] == [200] * 6
        at_all = [
            [gateway.call(**place) for _ in range(12)] for place in (files, platform, {}, own_host)
        ]
        earned = int(time.monotonic() - began) + 1
        for answers in at_all:
            passed = [answer for answer in answers if answer.status_code != 429]
            assert len(passed) <= earned
            last = answers[-1] if len(passed) < 12 else None
            assert last is not None
            assert (last.status_code, last.headers["retry-after"]) == (429, "1")
            assert "Too many requests" in last.json()["error"]["message"]


def test_a_server_has_the_limits_that_its_route_names(opened: Any):
    """The metadata counts in them, too, as at the platform."""
    large = RateLimit(requests_per_second=1, burst=19, connections=4, streams=2)
    routes = [
        route("weather", WEATHER, hostname=OWN_HOST, rate_limit=large),
        route("files", FILES, path="/api/mcp"),
    ]
    with opened(routes=routes, rate_limits=SLOW) as gateway:
        metadata = "/.well-known/oauth-protected-resource"
        for path, number in ((f"{metadata}{PATH}", 20), (f"{metadata}{FILES_PATH}", 6)):
            began = time.monotonic()
            answers = [gateway.ask(path, headers={"host": DOMAIN}) for _ in range(number + 15)]
            earned = int(time.monotonic() - began) + 1
            codes = [answer.status_code for answer in answers]
            assert codes[:number] == [200] * number
            assert codes.count(200) <= number + earned


def test_the_rate_of_the_document_holds_for_each_server(opened: Any):
    """Ten requests a second, of one address at one server, whatever it asks of another one."""
    with opened(rate_limits=RateLimits()) as gateway:
        tokens = {PATH: gateway.token(), FILES_PATH: gateway.token("files")}
        served = {path: 0 for path in tokens}
        began = time.monotonic()
        while time.monotonic() - began < 4:
            for path, token in tokens.items():
                served[path] += gateway.call(path, token=token).status_code == 200
        most = 21 + 10 * (time.monotonic() - began)
        for number in served.values():
            assert most - 10 <= number <= most + 1


def test_a_refused_request_counts_in_the_limits(opened: Any):
    with opened(rate_limits=SLOW) as gateway:
        codes = [gateway.call(token=None).status_code for _ in range(12)]
        assert codes[:6] == [401] * 6
        assert 429 in codes
        assert gateway.weather.received == []


def test_standing_streams_of_servers_have_their_own_limit(opened: Any):
    """A legacy GET stream is no call: two stand, a third is refused, a call is served."""
    limits = RateLimits(api=RateLimit(requests_per_second=100, burst=99, connections=4, streams=2))
    with opened(rate_limits=limits) as gateway:

        async def stood() -> list[int]:
            found: list[int] = []
            async with gateway.client("legacy"), gateway.client("legacy"):
                await anyio.to_thread.run_sync(until, lambda: streams(gateway) == 2)
                found.append(gateway.call(method="GET").status_code)
                found.append(gateway.call().status_code)
            return found

        assert anyio.run(stood) == [429, 200]


def streams(gateway: RoutedGateway) -> int:
    return sum(request.method == "GET" for request in gateway.weather.received)


def test_bodies_have_the_limits_of_the_platform(opened: Any):
    headers = {"host": DOMAIN}
    with opened(rate_limits=RateLimits(), max_body="2m") as gateway:
        headers["authorization"] = f"Bearer {gateway.token()}"
        post = partial(gateway.ask, PATH, "POST", headers=headers)
        assert post(content=b" " * (2 * 1024 * 1024 + 1)).status_code == 413
        assert gateway.weather.received == []
        answer = post(content=iter([b" " * 1_000_000]))
        assert answer.status_code == 413
        assert "needs a Content-Length" in answer.json()["error"]["message"]
        assert gateway.call().status_code == 200
        assert post(content=iter([b"{}"])).status_code not in (401, 413)
        assert {r.headers.get("x-user") for r in gateway.weather.received} == {"ada"}
