"""The limits of one user at an image of somebody else: real nginx at the gateway and in the pod."""

from __future__ import annotations

import threading
import time
from collections.abc import Generator
from pathlib import Path
from typing import Any

import httpx2
import pytest

from components.kubernetes.gateway import Upstream
from components.kubernetes.rate_limits import UserLimits
from components.kubernetes.routes import Route
from tests.harness.certificates import Authority
from tests.harness.image_proxy import NAME, Image, Proxy, accepts, image, proxy_pod, url
from tests.harness.network import port, private_network
from tests.harness.routed_gateway import FILES, PATH, RoutedGateway, route, routed
from tests.harness.running_pod import run_container
from tests.harness.server import until
from tests.harness.tokens import Issuer

pytestmark = pytest.mark.slow

SLOW = UserLimits(messages_per_second=1, burst=5, streams_per_user=2)
"""A busy machine does not earn back the burst while it uses it up."""
IN_POD = 9443
"""The port of the pod's nginx, which shares the addresses of the gateway here."""


@pytest.fixture
def behind() -> Generator[Image]:
    with private_network(), image() as started:
        yield started


@pytest.fixture
def gateway(
    tmp_path: Path, authority: Authority, issuer: Issuer, behind: Image
) -> Generator[RoutedGateway]:
    """The gateway, the authorizer, and the pod of the server weather."""
    (tmp_path / "pod").mkdir()
    pod = proxy_pod(tmp_path / "pod", authority, limits=SLOW)
    conf = pod.config_maps["weather-tls"]["nginx.conf"]
    pod.config_maps["weather-tls"]["nginx.conf"] = conf.replace("8443 ssl", f"{port(IN_POD)} ssl")
    to = Upstream(host="127.0.0.1", port=port(IN_POD), certificate_name=NAME)
    routes = [Route(name="weather", upstream=to), route("files", FILES, path="/api/mcp")]
    with (
        run_container(pod, "tls") as running,
        routed(tmp_path, authority, issuer, routes=routes) as started,
    ):
        assert running.process.poll() is None, running.log
        yield started


def test_a_user_is_limited_over_all_tokens_and_another_one_is_not(
    gateway: RoutedGateway, behind: Image
):
    """The authorizer is asked for each new token only; the other answers are cached, and count."""
    tokens = [gateway.token(jti=str(number)) for number in range(3)]
    began = time.monotonic()
    answers = [gateway.call(token=tokens[number % 3]) for number in range(25)]
    earned = int(time.monotonic() - began) + 1
    codes = [answer.status_code for answer in answers]
    assert codes[:6] == [200] * 6
    assert codes.count(200) <= 6 + earned
    assert len(behind.received) == codes.count(200)
    refused = next(answer for answer in answers if answer.status_code != 200)
    assert refused.status_code == 429
    assert refused.headers["retry-after"] == "1"
    assert refused.headers["content-type"] == "application/json"
    assert refused.json()["error"]["message"] == "You may send 1 messages a second: try again later"
    assert gateway.call(token=gateway.token(sub="grace")).status_code == 200


def test_a_session_can_be_ended_and_streams_are_not_messages(gateway: RoutedGateway):
    token = gateway.token()
    while gateway.call(token=token).status_code == 200:
        pass
    for method in ("DELETE", "GET"):
        assert gateway.call(token=token, method=method).status_code == 200


def test_a_client_cannot_name_another_user(gateway: RoutedGateway):
    """Neither to be counted as nobody, nor to use up what another user may send."""
    codes = [
        gateway.call(token=gateway.token(), **{"x-user": name, "X-User": ""}).status_code
        for name in "abcdefghijklmnopqrstuvwxy"
    ]
    assert 429 in codes
    assert gateway.call(token=gateway.token(sub="a")).status_code == 200


@pytest.fixture
def proxy(tmp_path: Path, authority: Authority, behind: Image) -> Generator[Proxy]:
    with run_container(proxy_pod(tmp_path, authority, limits=SLOW), "tls") as running:
        started = Proxy(running, authority)
        until(lambda: accepts(started))
        yield started


def test_requests_of_nobody_are_not_counted(proxy: Proxy):
    """Those of a server that checks tokens itself: the gateway does not know the user."""
    assert {proxy.ask().status_code for _ in range(25)} == {200}


@pytest.mark.parametrize(
    ("method", "headers"),
    [
        ("GET", {}),
        ("POST", {"mcp-method": "subscriptions/listen"}),
        # How nginx from 1.23 on sees a header that is there twice.
        ("POST", {"mcp-method": "subscriptions/listen, subscriptions/listen"}),
        ("POST", {"mcp-method": "tools/call, subscriptions/listen"}),
    ],
    ids=["GET", "listen", "listen twice", "listen after a call"],
)
def test_streams_of_a_user_are_limited(
    proxy: Proxy, behind: Image, method: str, headers: dict[str, str]
):
    sent = {"x-user": "ada", "x-hold": "1", **headers}
    held = [
        threading.Thread(target=proxy.ask, args=(PATH, method), kwargs={"headers": sent})
        for _ in range(2)
    ]
    for thread in held:
        thread.start()
    until(lambda: len(behind.received) == 2)
    with httpx2.Client(verify=proxy.trust, timeout=20) as client:
        options: Any = {"extensions": {"sni_hostname": NAME}}
        refused = client.request(method, url(PATH), headers={"x-user": "ada", **headers}, **options)
        other = client.request(method, url(PATH), headers={"x-user": "grace", **headers}, **options)
        call = client.request("POST", url(PATH), headers={"x-user": "ada"}, **options)
    behind.go.set()
    for thread in held:
        thread.join()
    assert (refused.status_code, refused.headers["retry-after"]) == (429, "60")
    assert refused.json()["error"]["message"].startswith("You have 2 streams open")
    assert (other.status_code, call.status_code) == (200, 200)
