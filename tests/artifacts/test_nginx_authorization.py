"""The gateway's nginx asks the authorizer before each request to a user's server."""

from __future__ import annotations

import json
import time
from collections.abc import Generator
from typing import Any

import pytest

from tests.harness.certificates import Authority
from tests.harness.nginx_gateway import ALWAYS
from tests.harness.routed_gateway import (
    DOMAIN,
    FORGED,
    OWN_HOST,
    PATH,
    SCOPE,
    RoutedGateway,
    routed,
)
from tests.harness.server import until
from tests.harness.tokens import Issuer

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def gateway(
    tmp_path_factory: pytest.TempPathFactory, authority: Authority, issuer: Issuer
) -> Generator[RoutedGateway]:
    """For tests that leave it as it was."""
    with routed(tmp_path_factory.mktemp("authorization"), authority, issuer) as gateway:
        yield gateway


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


def test_the_user_arrives_as_headers_that_a_client_cannot_set(gateway: RoutedGateway):
    token = gateway.token(client_id="web", scope=f"{SCOPE} other")
    for _ in range(2):  # from the authorizer, and from the cache
        arrived = gateway.passed(token=token, **FORGED).headers
        assert arrived.getlist("x-user") == ["ada"]
        assert arrived.getlist("x-user-scopes") == [f"{SCOPE} other"]
        assert arrived.getlist("x-user-client") == ["web"]
        assert not {"x-resource-path", "x-resource-host", "authorization"} & set(arrived)


@pytest.mark.parametrize("target", ["/servers/files/mcp", "@chunked-files", "/mcp", "/authorize"])
@pytest.mark.parametrize("method", ["POST", "GET", "DELETE"])
def test_a_server_cannot_send_its_callers_to_another_location(
    gateway: RoutedGateway, method: str, target: str
):
    before = gateway.call(method=method)
    gateway.weather.added_headers["x-accel-redirect"] = target
    try:
        answer = gateway.call(method=method)
    finally:
        gateway.weather.added_headers.clear()
    assert (answer.status_code, answer.text) == (before.status_code, before.text)
    assert "x-accel-redirect" not in answer.headers


def asked(gateway: RoutedGateway) -> float:
    """How often the authorizer was asked."""
    return gateway.authorizer.metric("http_requests_total", route="/authorize")


@pytest.mark.slow
def test_the_authorizer_is_asked_once_for_a_token_in_a_few_seconds(gateway: RoutedGateway):
    token = gateway.token(sub="cached")
    before = asked(gateway)
    began = time.monotonic()
    while time.monotonic() - began < 3:
        assert gateway.passed(token=token).headers["x-user"] == "cached"
    assert asked(gateway) == before + 1
    until(lambda: gateway.passed(token=token) and asked(gateway) > before + 1, within_seconds=8)
    assert time.monotonic() - began > 4


def test_the_authorizer_is_asked_each_time_for_a_refused_token(gateway: RoutedGateway):
    before = asked(gateway)
    for claims in ({"resource": "files"}, {"scope": "other"}):
        token = gateway.token(**claims)
        assert {gateway.call(token=token).status_code for _ in range(3)} <= {401, 403}
    assert asked(gateway) == before + 6


def test_a_cached_token_is_not_used_for_another_address(gateway: RoutedGateway):
    token = gateway.token()
    seen = [len(one.received) for one in (gateway.weather, gateway.files)]
    for _ in range(2):
        assert gateway.call(token=token).status_code == 200
        assert gateway.call("/servers/files/mcp", token=token).status_code == 401
        assert gateway.call("/mcp", token=token, host=OWN_HOST).status_code == 401
    assert [len(one.received) for one in (gateway.weather, gateway.files)] == [seen[0] + 2, seen[1]]


def test_a_token_of_11_kb_is_accepted_and_cached(gateway: RoutedGateway):
    token = gateway.token(groups=["x" * 50] * 150, scope=" ".join([SCOPE, *map(str, range(500))]))
    assert len(token) > 11_000
    before = asked(gateway)
    for _ in range(3):
        assert gateway.passed(token=token).headers["x-user"] == "ada"
    assert asked(gateway) == before + 1


def test_a_request_is_refused_before_its_body_has_arrived(gateway: RoutedGateway):
    with gateway.connect() as client:
        head = f"POST {PATH} HTTP/1.1\r\nHost: {DOMAIN}\r\nContent-Length: 4000000\r\n\r\n"
        client.sendall(head.encode())
        assert client.recv(100).startswith(b"HTTP/1.1 401 ")


def test_the_log_has_the_address_and_no_token(gateway: RoutedGateway):
    before = len(gateway.logged())
    gateway.call(token="word-of-honour")
    gateway.call("/servers/files/mcp?secret=1", token=gateway.token("files"))
    wanted = {(PATH, 401), ("/servers/files/mcp", 200)}
    until(lambda: wanted <= {(x["path"], x["status"]) for x in gateway.logged()[before:]})
    assert not [text for text in ("word-of-honour", "secret=1") if text in gateway.running.log]
    assert json.dumps(gateway.authorizer.log()).find("word-of-honour") == -1
