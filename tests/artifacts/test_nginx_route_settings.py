"""The gateway's nginx serves each route with its own timeouts, and all within the limits."""

from __future__ import annotations

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


def test_servers_share_the_limits_of_the_platform(opened: Any):
    with opened(rate_limits=SLOW) as gateway:
        token = gateway.token("files")
        answers = [gateway.call("/servers/files/mcp", token=token) for _ in range(6)]
        assert [answer.status_code for answer in answers] == [200] * 6
        for path in (PATH, "/servers/files/mcp", "/mcp"):
            answer = gateway.call(path)
            assert (answer.status_code, answer.headers["retry-after"]) == (429, "1")
            assert "Too many requests" in answer.json()["error"]["message"]


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
