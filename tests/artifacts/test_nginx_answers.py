"""The gateway removes headers of a user's server that act for the gateway or its host name."""

from __future__ import annotations

from collections.abc import Generator

import pytest

from tests.harness.answer_headers import FOREIGN, NEEDED, OF_CHECKS, foreign_in
from tests.harness.certificates import Authority
from tests.harness.nginx_gateway import ALWAYS
from tests.harness.routed_gateway import (
    FILES,
    OWN_HOST,
    PATH,
    WEATHER,
    RoutedGateway,
    route,
    routed,
)
from tests.harness.tokens import Issuer

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def gateway(
    tmp_path_factory: pytest.TempPathFactory, authority: Authority, issuer: Issuer
) -> Generator[RoutedGateway]:
    """Tokens for weather are checked; files checks its own."""
    routes = [
        route("weather", WEATHER, hostname=OWN_HOST),
        route("files", FILES, path="/api/mcp", auth="server"),
    ]
    directory = tmp_path_factory.mktemp("answers")
    with routed(directory, authority, issuer, routes=routes) as gateway:
        for server in (gateway.weather, gateway.files):
            server.added_headers.update(FOREIGN | OF_CHECKS | NEEDED)
        yield gateway


@pytest.mark.parametrize("chunked", [False, True])
@pytest.mark.parametrize(
    ("path", "host"), [(PATH, None), ("/mcp", OWN_HOST)], ids=["path", "own host"]
)
def test_headers_that_act_for_the_gateway_are_removed_from_answers(
    gateway: RoutedGateway, path: str, host: str | None, chunked: bool
):
    options = {"host": host} if host else {}
    token = gateway.token("own host") if host else ""
    if chunked:
        options["transfer_encoding"] = "chunked"
    answer = gateway.call(path, token=token, **options)
    assert answer.status_code == 200
    assert answer.json()["result"]["tools"]
    assert foreign_in(answer.headers) == set()
    assert NEEDED.items() <= dict(answer.headers).items()
    assert ALWAYS.items() <= dict(answer.headers).items()


def test_a_server_that_checks_tokens_sends_its_own_challenge_and_nothing_else(
    gateway: RoutedGateway,
):
    answer = gateway.call("/servers/files/mcp", token=None)
    assert answer.status_code == 200
    assert foreign_in(answer.headers) == OF_CHECKS.keys()


def test_the_challenge_of_a_refused_request_is_the_gateways(gateway: RoutedGateway):
    answer = gateway.call(token=None)
    assert answer.status_code == 401
    assert (
        "/.well-known/oauth-protected-resource/servers/weather/mcp"
        in (answer.headers["www-authenticate"])
    )
    assert foreign_in(answer.headers) == set()
