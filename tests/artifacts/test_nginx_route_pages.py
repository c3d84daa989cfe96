"""Web pages call users' servers, which know no origins, as far as the gateway allows."""

from __future__ import annotations

from collections.abc import Generator

import httpx2
import pytest

from tests.harness.certificates import Authority
from tests.harness.routed_gateway import DOMAIN, OWN_HOST, PATH, RoutedGateway, routed
from tests.harness.tokens import Issuer

pytestmark = pytest.mark.slow

PAGE = "https://app.example.com"


@pytest.fixture(scope="module")
def gateway(
    tmp_path_factory: pytest.TempPathFactory, authority: Authority, issuer: Issuer
) -> Generator[RoutedGateway]:
    """The server behind allows every page itself, as many images do."""
    directory = tmp_path_factory.mktemp("pages")
    with routed(directory, authority, issuer, allowed_origins=[PAGE]) as gateway:
        gateway.weather.added_headers["access-control-allow-origin"] = "*"
        gateway.weather.added_headers["access-control-allow-credentials"] = "true"
        yield gateway


def preflight(gateway: RoutedGateway, origin: str, host: str = DOMAIN) -> httpx2.Response:
    headers = {
        "host": host,
        "origin": origin,
        "access-control-request-method": "POST",
        "access-control-request-headers": "authorization,mcp-param-region",
    }
    return gateway.ask(PATH if host != OWN_HOST else "/mcp", "OPTIONS", headers=headers)


ALLOWED = [
    (PAGE, DOMAIN),
    (PAGE, OWN_HOST),
    (f"https://{DOMAIN}", DOMAIN),
    (f"https://{DOMAIN}", OWN_HOST),
    (f"https://{OWN_HOST}", OWN_HOST),
    ("http://localhost:6274", "localhost:8443"),
    ("http://127.0.0.1:6274", "127.0.0.1:8443"),
]
FOREIGN = [
    ("https://evil.test", DOMAIN),
    (f"{PAGE}.evil.test", DOMAIN),
    (f"https://evil.test/{PAGE}", DOMAIN),
    ("http://app.example.com", DOMAIN),
    (f"http://{DOMAIN}", DOMAIN),
    ("http://localhost:6274", DOMAIN),
    ("http://localhost.evil.test", "localhost"),
    ("null", DOMAIN),
]


@pytest.mark.parametrize(("origin", "host"), ALLOWED)
def test_a_preflight_is_answered_before_a_token_is_asked_for(
    gateway: RoutedGateway, origin: str, host: str
):
    before = len(gateway.weather.received)
    answer = preflight(gateway, origin, host)
    assert answer.status_code == 204
    assert answer.headers.get_list("access-control-allow-origin") == [origin]
    assert answer.headers["access-control-allow-methods"] == "GET, POST, DELETE"
    assert answer.headers["access-control-allow-headers"] == "authorization,mcp-param-region"
    assert answer.headers["access-control-max-age"] == "600"
    assert "Origin" in answer.headers["vary"]
    assert len(gateway.weather.received) == before


@pytest.mark.parametrize(("origin", "host"), FOREIGN)
def test_a_foreign_page_is_refused_with_and_without_a_token(
    gateway: RoutedGateway, origin: str, host: str
):
    before = len(gateway.weather.received)
    for answer in (
        preflight(gateway, origin, host),
        gateway.call(host=host, origin=origin),
        gateway.call(host=host, origin=origin, token=None),
    ):
        assert (answer.status_code, answer.json()["error"]) == (403, "forbidden")
        assert "access-control-allow-origin" not in answer.headers
    assert len(gateway.weather.received) == before


def test_an_allowed_page_can_read_answers_and_refusals(gateway: RoutedGateway):
    for token, status in (("", 200), (None, 401), (gateway.token(scope="other"), 403)):
        answer = gateway.call(origin=PAGE, token=token)
        assert answer.status_code == status
        assert answer.headers.get_list("access-control-allow-origin") == [PAGE]
        assert "access-control-allow-credentials" not in answer.headers
        exposed = answer.headers["access-control-expose-headers"]
        assert {"Mcp-Session-Id", "WWW-Authenticate"} <= set(exposed.split(", "))
    assert "origin" not in gateway.weather.received[-1].headers


def test_without_a_page_there_are_no_cors_headers(gateway: RoutedGateway):
    answer = gateway.call()
    assert not [name for name in answer.headers if name.startswith("access-control-")]


def test_every_page_can_read_the_metadata(gateway: RoutedGateway):
    path = f"/.well-known/oauth-protected-resource{PATH}"
    headers = {"host": DOMAIN, "origin": "https://evil.test"}
    answer = gateway.ask(path, headers=headers)
    assert answer.headers.get_list("access-control-allow-origin") == ["*"]
