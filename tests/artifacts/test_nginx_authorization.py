"""The gateway's nginx asks the authorizer before each request to a user's server."""

from __future__ import annotations

import json
import os
import signal
import socket
import ssl
import threading
import time
from collections.abc import Callable, Generator
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from tests.harness.certificates import Authority
from tests.harness.network import port, private_network
from tests.harness.nginx_gateway import ALWAYS, BEHIND, NAME
from tests.harness.recording_server import Request
from tests.harness.routed_gateway import (
    DOMAIN,
    FILES,
    OWN_HOST,
    PATH,
    SCOPE,
    WEATHER,
    RoutedGateway,
    route,
    routed,
)
from tests.harness.server import until
from tests.harness.tokens import Issuer


@pytest.fixture(scope="module")
def gateway(
    tmp_path_factory: pytest.TempPathFactory, authority: Authority, issuer: Issuer
) -> Generator[RoutedGateway]:
    """For tests that leave it as it was."""
    with routed(tmp_path_factory.mktemp("authorization"), authority, issuer) as gateway:
        yield gateway


@pytest.fixture
def opened(tmp_path: Path, authority: Authority, issuer: Issuer) -> Callable[..., Any]:
    return partial(routed, tmp_path, authority, issuer)


REFUSED: dict[str, tuple[dict[str, Any], int, str]] = {
    "the platform's token": ({"resource": "platform"}, 401, "invalid_token"),
    "another server's token": ({"resource": "files"}, 401, "invalid_token"),
    "a token for its own host": ({"resource": "own host"}, 401, "invalid_token"),
    "an expired token": ({"lives_seconds": -60}, 401, "invalid_token"),
    "a token of another issuer": ({"iss": "https://evil.test"}, 401, "invalid_token"),
    "a token without the scope": ({"scope": "weather.write"}, 403, "insufficient_scope"),
}


@pytest.mark.parametrize("method", ["POST", "GET", "DELETE", "PUT", "OPTIONS"])
def test_without_a_token_the_server_sees_no_request(gateway: RoutedGateway, method: str):
    before = len(gateway.weather.received)
    answer = gateway.call(method=method, token=None)
    assert (answer.status_code, answer.json()["error"]) == (401, "unauthorized")
    assert len(gateway.weather.received) == before


@pytest.mark.parametrize(("claims", "status", "error"), REFUSED.values(), ids=REFUSED)
def test_a_refusal_of_the_authorizer_is_passed_on_and_no_request(
    gateway: RoutedGateway, claims: dict[str, Any], status: int, error: str
):
    before = len(gateway.weather.received)
    answer = gateway.call(token=gateway.token(**claims))
    assert (answer.status_code, answer.json()["error"]) == (status, error)
    assert answer.headers["content-type"] == "application/json"
    (challenge,) = answer.headers.get_list("www-authenticate")
    assert f'error="{error}"' in challenge
    assert f'scope="{SCOPE}"' in challenge
    assert f'"https://{DOMAIN}/.well-known/oauth-protected-resource{PATH}"' in challenge
    assert ALWAYS.items() <= dict(answer.headers).items()
    assert len(gateway.weather.received) == before


@pytest.mark.parametrize("value", ["Basic dXNlcjpwYXNz", "Bearer", "Bearer x", "bearer"])
def test_other_credentials_are_refused(gateway: RoutedGateway, value: str):
    before = len(gateway.weather.received)
    assert gateway.call(token=None, authorization=value).status_code == 401
    assert len(gateway.weather.received) == before


def last(gateway: RoutedGateway, **options: Any) -> Request:
    """What weather received of a call that was let through."""
    before = len(gateway.weather.received)
    assert gateway.call(**options).status_code == 200
    assert len(gateway.weather.received) == before + 1
    return gateway.weather.received[-1]


FORGED = {
    "x_user": "root",
    "X-User": "root",
    "x-user-scopes": "admin",
    "x-user-client": "admin",
    "x-resource-path": "/servers/files/mcp",
    "x-resource-host": "evil.test",
    "x-refusal": "none",
    "origin": f"https://{DOMAIN}",
}


def test_the_user_arrives_as_headers_that_a_client_cannot_set(gateway: RoutedGateway):
    token = gateway.token(client_id="web", scope=f"{SCOPE} other")
    for _ in range(2):  # from the authorizer, and from the cache
        arrived = last(gateway, token=token, **FORGED).headers
        assert arrived.getlist("x-user") == ["ada"]
        assert arrived.getlist("x-user-scopes") == [f"{SCOPE} other"]
        assert arrived.getlist("x-user-client") == ["web"]
        assert not {"x-resource-path", "x-resource-host", "authorization"} & set(arrived)


def test_a_chunked_request_is_checked_alike(opened: Any):
    from components.kubernetes.gateway import RateLimits

    with private_network(), opened(rate_limits=RateLimits()) as gateway:
        headers = {"host": DOMAIN, "x-user": "root"}
        body = partial(iter, [b"{}"])
        ask = partial(gateway.ask, PATH, "POST")
        assert ask(headers=headers, content=body()).status_code == 401
        assert gateway.weather.received == []
        token = {"authorization": f"Bearer {gateway.token()}"}
        ask(headers=headers | token, content=body())
        (arrived,) = gateway.weather.received
        assert arrived.headers.getlist("x-user") == ["ada"]
        assert "authorization" not in arrived.headers


def test_the_token_is_passed_on_only_to_a_server_that_is_to_get_it(opened: Any):
    routes = [route("weather", WEATHER, forward_token=True), route("files", FILES, path="/api/mcp")]
    with private_network(), opened(routes=routes) as gateway:
        token = gateway.token()
        for _ in range(2):
            assert last(gateway, token=token).headers["authorization"] == f"Bearer {token}"
        gateway.call("/servers/files/mcp", token=gateway.token("files"))
        assert "authorization" not in gateway.files.received[-1].headers


def test_a_server_that_checks_tokens_itself_gets_them_and_no_user(opened: Any):
    routes = [route("weather", WEATHER, auth="server", hostname=OWN_HOST)]
    with private_network(), opened(routes=routes) as gateway:
        for host, path in ((DOMAIN, PATH), (OWN_HOST, "/mcp")):
            given = {"path": path, "host": host, "authorization": "Bearer x"}
            arrived = last(gateway, token=None, **given, **FORGED)
            assert arrived.headers["authorization"] == "Bearer x"
            assert arrived.headers["origin"] == f"https://{DOMAIN}"
            assert not {"x-user", "x-user-scopes", "x-user-client"} & set(arrived.headers)
        prefix = "/.well-known/oauth-protected-resource"
        for host, path in (
            (DOMAIN, f"{prefix}{PATH}"),
            (DOMAIN, f"{PATH}{prefix}"),
            (OWN_HOST, prefix),
        ):
            gateway.ask(path, headers={"host": host})
            assert gateway.weather.received[-1].path == f"{prefix}/mcp"


def asked(gateway: RoutedGateway) -> float:
    """How often the authorizer was asked."""
    return gateway.authorizer.metric("http_requests_total", route="/authorize")


def test_an_accepted_token_is_asked_for_once_in_a_few_seconds(gateway: RoutedGateway):
    token = gateway.token(sub="cached")
    before = asked(gateway)
    began = time.monotonic()
    while time.monotonic() - began < 3:
        assert last(gateway, token=token).headers["x-user"] == "cached"
    assert asked(gateway) == before + 1
    until(lambda: last(gateway, token=token) and asked(gateway) > before + 1, within_seconds=8)
    assert time.monotonic() - began > 4


def test_a_refused_token_is_asked_for_each_time(gateway: RoutedGateway):
    before = asked(gateway)
    for claims in ({"resource": "files"}, {"scope": "other"}):
        token = gateway.token(**claims)
        assert {gateway.call(token=token).status_code for _ in range(3)} <= {401, 403}
    assert asked(gateway) == before + 6


def test_a_remembered_token_is_no_hit_for_another_address(gateway: RoutedGateway):
    token = gateway.token()
    seen = [len(one.received) for one in (gateway.weather, gateway.files)]
    for _ in range(2):
        assert gateway.call(token=token).status_code == 200
        assert gateway.call("/servers/files/mcp", token=token).status_code == 401
        assert gateway.call("/mcp", token=token, host=OWN_HOST).status_code == 401
    assert [len(one.received) for one in (gateway.weather, gateway.files)] == [seen[0] + 2, seen[1]]


def test_a_remembered_token_is_refused_when_it_has_expired(opened: Any):
    """With no allowed difference of clocks it is over at `exp`, although it was just used."""
    auth = {"resource_url": f"https://{DOMAIN}/mcp", "clock_skew_seconds": 0}
    with private_network(), opened(auth=auth) as gateway:
        token = gateway.token(lives_seconds=4)
        ends = int(time.time()) + 4
        while time.time() < ends - 0.5:
            assert gateway.call(token=token).status_code == 200
        time.sleep(max(0, ends + 0.1 - time.time()))  # until the time that the token names
        assert gateway.call(token=token).status_code == 401


def test_a_token_of_11_kb_is_accepted_and_remembered(gateway: RoutedGateway):
    token = gateway.token(groups=["x" * 50] * 150, scope=" ".join([SCOPE, *map(str, range(500))]))
    assert len(token) > 11_000
    before = asked(gateway)
    for _ in range(3):
        assert last(gateway, token=token).headers["x-user"] == "ada"
    assert asked(gateway) == before + 1


def test_without_an_authorizer_no_request_passes(opened: Any):
    with private_network(), opened() as gateway:
        known = gateway.token()
        assert gateway.call(token=known).status_code == 200
        os.kill(gateway.authorizer.program.pid, signal.SIGSTOP)
        os.kill(gateway.authorizer.program.pid, signal.SIGKILL)
        gateway.authorizer.program.wait(10)
        for token in (gateway.token(sub="new"), None):
            answer = gateway.call(token=token)
            assert (answer.status_code, answer.headers["retry-after"]) == (503, "5")
            assert answer.json()["error"] == "temporarily_unavailable"
            assert ALWAYS.items() <= dict(answer.headers).items()
        until(lambda: gateway.call(token=known).status_code == 503)
        assert {request.headers["x-user"] for request in gateway.weather.received} == {"ada"}


@pytest.mark.parametrize("status", [200, 204, 302, 404, 421, 500, 503])
def test_another_answer_than_yes_or_no_lets_no_request_through(
    opened: Any, authority: Authority, status: int
):
    """Where the authorizer is another program. Of these answers 2xx are a yes."""
    with private_network(), opened() as gateway:
        gateway.authorizer.program.kill()
        with answering(port(BEHIND), authority.issue("core", [NAME]), status):
            answer = gateway.call()
            if status < 300:
                assert answer.status_code == 200
                assert "x-user" not in gateway.weather.received[-1].headers
            else:
                assert answer.status_code == 503
                assert gateway.weather.received == []


class answering:
    """An HTTPS server that has one answer to everything."""

    def __init__(self, number: int, certificate: tuple[Path, Path], status: int) -> None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(*certificate)
        self.listening = context.wrap_socket(
            socket.create_server(("127.0.0.1", number)), server_side=True
        )
        self.answer = f"HTTP/1.1 {status} X\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
        self.thread = threading.Thread(target=self.serve, daemon=True)

    def serve(self) -> None:
        while True:
            try:
                connection, _ = self.listening.accept()
            except OSError:
                return
            with connection:
                connection.recv(65536)
                connection.sendall(self.answer.encode())

    def __enter__(self) -> None:
        self.thread.start()

    def __exit__(self, *_: object) -> None:
        self.listening.close()


def test_an_authorizer_with_a_foreign_certificate_is_not_asked(opened: Any, tmp_path: Path):
    (tmp_path / "other").mkdir()
    shown = Authority.at(tmp_path / "other").issue("core", [NAME])
    with private_network(), opened() as gateway:
        gateway.authorizer.program.kill()
        with answering(port(BEHIND), shown, 200):
            assert gateway.call().status_code == 503
            assert gateway.weather.received == []


def test_a_request_is_refused_before_its_body_has_arrived(gateway: RoutedGateway):
    with gateway.connect() as client:
        head = f"POST {PATH} HTTP/1.1\r\nHost: {DOMAIN}\r\nContent-Length: 4000000\r\n\r\n"
        client.sendall(head.encode())
        assert client.recv(100).startswith(b"HTTP/1.1 401 ")


def test_the_log_has_the_address_and_no_token(gateway: RoutedGateway):
    before = len(gateway.logged())
    gateway.call(token="word-of-honour")
    gateway.call("/servers/files/mcp?secret=1", token=gateway.token("files"))
    until(lambda: len(gateway.logged()) >= before + 2)
    seen = [(line["path"], line["status"]) for line in gateway.logged()[before:]]
    assert seen == [(PATH, 401), ("/servers/files/mcp", 200)]
    assert not [text for text in ("word-of-honour", "secret=1") if text in gateway.running.log]
    assert json.dumps(gateway.authorizer.log()).find("word-of-honour") == -1
