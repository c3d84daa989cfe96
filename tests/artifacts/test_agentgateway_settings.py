"""agentgateway with rendered configurations of its own: limits of bodies, passed tokens, drain.

Each test starts the program, so none of them shares a module with one that is left running.
"""

from __future__ import annotations

import signal
import subprocess
import threading
import time
from pathlib import Path

import anyio
import httpx2
import pytest

from components.kubernetes.agentgateway_args import Agentgateway
from components.mcp.timeout_budget import Distance, TimeoutBudget
from tests.harness.agentgateway import ABSENT, PROGRAM, routed_by_agentgateway
from tests.harness.certificates import Authority
from tests.harness.network import can_isolate, port
from tests.harness.recording_server import Request
from tests.harness.routed_gateway import DOMAIN, FILES, PATH, WEATHER, RoutedGateway, route
from tests.harness.server import text_of
from tests.harness.tokens import Issuer

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(PROGRAM is None, reason=ABSENT),
    pytest.mark.skipif(not can_isolate(), reason="needs root: the rendered ports must be free"),
]


def test_a_body_larger_than_the_limit_is_refused(
    tmp_path: Path, authority: Authority, issuer: Issuer
):
    with routed_by_agentgateway(tmp_path, authority, issuer, max_body="64k") as gateway:
        headers = {"host": DOMAIN, "authorization": f"Bearer {gateway.token()}"}
        answer = gateway.ask(PATH, "POST", headers=headers, content=b"x" * 65537)
        assert answer.status_code == 413
        assert gateway.weather.received == []


def test_the_token_is_passed_on_only_to_a_server_that_is_to_get_it(
    tmp_path: Path, authority: Authority, issuer: Issuer
):
    routes = [
        route("weather", WEATHER, forward_token=True),
        route("files", FILES, path="/api/mcp", auth="server"),
    ]
    with routed_by_agentgateway(tmp_path, authority, issuer, routes=routes) as gateway:
        token = gateway.token()
        assert gateway.passed(token=token).headers["authorization"] == f"Bearer {token}"
        gateway.call("/servers/files/mcp", token="unchecked", x_user="root")
        arrived = gateway.files.received[-1].headers
        assert arrived["authorization"] == "Bearer unchecked"
        assert "x-user" not in arrived


def test_a_health_path_below_a_prefix_reaches_that_path_of_the_server_without_a_token(
    tmp_path: Path, authority: Authority, issuer: Issuer
):
    routes = [route("files", FILES, path="/api/mcp", prefix="/ml", health="/healthz")]
    keys = Agentgateway(jwks_secret="issuer-keys")
    with routed_by_agentgateway(
        tmp_path, authority, issuer, routes=routes, agentgateway=keys
    ) as gateway:
        gateway.ask("/ml/health", headers={"host": DOMAIN, "x-user": "root"})
        (received,) = gateway.files.received
        assert received.path == "/healthz"
        assert "x-user" not in received.headers
        for path in ("/ml", "/ml/health/x", "/ml/admin", "/servers/files/mcp"):
            assert gateway.ask(path, headers={"host": DOMAIN}).status_code == 404, path
        assert gateway.call("/ml/mcp", token=None).status_code == 401
        token = gateway.issuer.token(aud=f"https://{DOMAIN}/ml/mcp")
        assert gateway.call("/ml/mcp", token=token).status_code == 200


def test_calls_of_a_program_that_is_stopped_are_answered(
    tmp_path: Path, authority: Authority, issuer: Issuer
):
    """One runs at SIGTERM, one comes later on a new connection: load balancers still send some."""
    budget = TimeoutBudget(longest_tool=4)
    answers: list[str] = []

    async def call(gateway: RoutedGateway) -> None:
        async with gateway.client("modern") as client:
            answers.append(text_of(await client.call_tool("wait", {"seconds": 3})))

    def begin(gateway: RoutedGateway) -> threading.Thread:
        before = len(waiting(gateway))
        thread = threading.Thread(target=lambda: anyio.run(call, gateway))
        thread.start()
        while len(waiting(gateway)) == before:
            assert thread.is_alive()
            time.sleep(0.01)
        return thread

    routes = [route("weather", WEATHER, budget=budget)]
    with routed_by_agentgateway(
        tmp_path, authority, issuer, routes=routes, budget=budget
    ) as gateway:
        early = begin(gateway)
        running: subprocess.Popen[bytes] = gateway.running.process
        running.send_signal(signal.SIGTERM)
        stopped = time.monotonic()
        late = begin(gateway)
        early.join()
        late.join()
        assert answers == ["waited", "waited"]
        assert running.wait(60) == 0
        timeouts = budget.at(Distance.GATEWAY)
        assert time.monotonic() - stopped < timeouts.grace - timeouts.pre_stop + timeouts.drain
        with pytest.raises(httpx2.ConnectError):
            httpx2.get(f"http://127.0.0.1:{port(8080)}")


def waiting(gateway: RoutedGateway) -> list[Request]:
    """Calls of the tool `wait` that have reached the server."""
    return [one for one in gateway.weather.received if one.headers.get("mcp-name") == "wait"]
