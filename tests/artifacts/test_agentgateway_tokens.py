"""agentgateway with the rendered configuration: which tokens it accepts, and what a server gets."""

from __future__ import annotations

from collections.abc import Generator
from typing import Any

import pytest

from tests.harness.agentgateway import (
    ABSENT,
    PROGRAM,
    routed_by_agentgateway,
)
from tests.harness.certificates import Authority
from tests.harness.network import can_isolate
from tests.harness.routed_gateway import (
    DOMAIN,
    FORGED,
    PATH,
    SCOPE,
    RoutedGateway,
)
from tests.harness.tokens import Issuer

METADATA = "/.well-known/oauth-protected-resource"
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(PROGRAM is None, reason=ABSENT),
    pytest.mark.skipif(not can_isolate(), reason="needs root: the rendered ports must be free"),
]


@pytest.fixture(scope="module")
def gateway(
    tmp_path_factory: pytest.TempPathFactory, authority: Authority, issuer: Issuer
) -> Generator[RoutedGateway]:
    """For tests that leave it as it was."""
    folder = tmp_path_factory.mktemp("agentgateway")
    pages = ["https://page.example.com"]
    with routed_by_agentgateway(folder, authority, issuer, allowed_origins=pages) as gateway:
        yield gateway


@pytest.mark.parametrize(
    ("claims", "status"),
    [
        (None, 401),
        ({"resource": "files"}, 401),
        ({"resource": "platform"}, 401),
        ({"resource": "own host"}, 401),
        ({"iss": "https://other.test"}, 401),
        ({"iss": None}, 401),
        ({"sub": None}, 401),
        ({"lives_seconds": -300}, 401),
        ({"kid": "another"}, 401),
        ({"lives_seconds": -30}, 403),
        ({"nbf": 4_102_444_800}, 403),  # in the year 2100
        ({"scope": "weather.write"}, 403),
        ({"scope": None}, 403),
        ({"scope": "weather.reader"}, 403),
        ({"scope": ["weather.write"]}, 403),
        ({"sub": " "}, 403),
        ({"sub": "a" * 256}, 403),
        ({"at_hash": "x"}, 403),
    ],
    ids=str,
)
def test_a_token_that_is_not_for_this_server_is_refused_and_the_server_sees_nothing(
    gateway: RoutedGateway, claims: dict[str, Any] | None, status: int
):
    before = len(gateway.weather.received)
    token = None if claims is None else gateway.token(**claims)
    answer = gateway.call(token=token)
    assert answer.status_code == status
    assert len(gateway.weather.received) == before
    if status == 401:
        challenge = answer.headers["www-authenticate"]
        assert f'resource_metadata="https://{DOMAIN}{METADATA}{PATH}"' in challenge


def test_a_token_without_an_audience_is_refused(gateway: RoutedGateway):
    before = len(gateway.weather.received)
    token = gateway.issuer.token(aud=None, scope=SCOPE)
    assert gateway.call(token=token).status_code == 401
    assert len(gateway.weather.received) == before


@pytest.mark.parametrize(
    "claims",
    [
        {"scope": f"a {SCOPE}"},
        {"scope": None, "scp": f"{SCOPE} b"},
        {"scope": None, "scp": [SCOPE]},
        {"scope": ["a", SCOPE]},
        {"lives_seconds": -5},
        {"typ": "at+jwt"},
    ],
    ids=str,
)
def test_tokens_that_the_reference_server_accepts_are_accepted(
    gateway: RoutedGateway, claims: dict[str, Any]
):
    assert gateway.call(token=gateway.token(**claims)).status_code == 200


@pytest.mark.parametrize(
    ("claims", "user", "client"),
    [
        ({}, "ada", "tests"),
        ({"sub": "auth0|a:b@c"}, "auth0|a:b@c", "tests"),
        ({"sub": "ä%"}, "%C3%A4%25", "tests"),
        ({"client_id": None, "azp": "other"}, "ada", "other"),
        ({"client_id": None}, "ada", "ada"),
    ],
    ids=str,
)
def test_the_server_gets_the_user_and_nothing_that_the_client_says_of_itself(
    gateway: RoutedGateway, claims: dict[str, Any], user: str, client: str
):
    arrived = gateway.passed(token=gateway.token(**claims), **FORGED).headers
    assert arrived.getlist("x-user") == [user]
    assert arrived.getlist("x-user-client") == [client]
    assert arrived.getlist("x-user-scopes") == [SCOPE]
    assert {"authorization", "origin", "x-resource-path", "x-resource-host"}.isdisjoint(arrived)
    assert arrived["host"] == DOMAIN


def test_headers_that_name_another_client_are_replaced_or_removed(gateway: RoutedGateway):
    forged = {
        "x_forwarded_for": "203.0.113.9",
        "x_forwarded_host": "evil.test",
        "x_forwarded_proto": "http",
        "x_real_ip": "203.0.113.9",
        "forwarded": "for=203.0.113.9",
        "x_original_url": "/admin",
    }
    arrived = gateway.passed(**forged).headers
    assert arrived.getlist("x-forwarded-for") == ["127.0.0.1"]
    assert arrived.getlist("x-real-ip") == ["127.0.0.1"]
    assert arrived.getlist("x-forwarded-host") == [DOMAIN]
    assert arrived.getlist("x-forwarded-proto") == ["https"]
    assert {"forwarded", "x-original-url"}.isdisjoint(arrived)
