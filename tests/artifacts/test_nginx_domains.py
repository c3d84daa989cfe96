"""nginx and the server with several host names: at each, the tokens are for that name's URL."""

from __future__ import annotations

import tomllib
from collections.abc import Generator
from typing import Any, cast

import pytest

from components.mcp.server_toml import server_files
from tests.harness.certificates import Authority
from tests.harness.minimal_args import config
from tests.harness.routed_gateway import (
    DOMAIN,
    OWN_HOST,
    PATH,
    RESOURCES,
    SCOPE,
    RoutedGateway,
    routed,
)
from tests.harness.tokens import Issuer

OTHER = "mcp.example.org"
METADATA = "/.well-known/oauth-protected-resource"
pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def gateway(
    tmp_path_factory: pytest.TempPathFactory, authority: Authority, issuer: Issuer
) -> Generator[RoutedGateway]:
    """For tests that leave it as it was."""
    folder = tmp_path_factory.mktemp("domains")
    with routed(
        folder, authority, issuer, auth=names_of_the_server(), additional_domains=[OTHER]
    ) as gateway:
        yield gateway


def names_of_the_server() -> dict[str, Any]:
    """What server.toml says of them."""
    files = server_files(config(domain=DOMAIN, additional_domains=[OTHER]), "development")
    written = tomllib.loads(cast("str", files.content["server.toml"]))["auth"]
    return {key: written[key] for key in written if "resource" in key or "forwarded" in key}


def token_for(gateway: RoutedGateway, url: str) -> str:
    return gateway.issuer.token(aud=url, scope=SCOPE)


@pytest.mark.parametrize("path", ["/mcp", PATH])
def test_a_token_is_accepted_only_at_the_host_name_that_it_is_for(
    gateway: RoutedGateway, path: str
):
    for host in (DOMAIN, OTHER):
        for issued_for in (DOMAIN, OTHER):
            token = token_for(gateway, f"https://{issued_for}{path}")
            answer = gateway.call(path, token=token, host=host)
            assert answer.status_code == (200 if host == issued_for else 401), (host, issued_for)


@pytest.mark.parametrize("path", ["/mcp", PATH])
def test_metadata_and_challenge_name_the_url_with_the_requested_host_name(
    gateway: RoutedGateway, path: str
):
    for host in (DOMAIN, OTHER):
        answer = gateway.ask(f"{METADATA}{path}", headers={"host": host})
        assert answer.json()["resource"] == f"https://{host}{path}"
        challenge = gateway.call(path, token=None, host=host).headers["www-authenticate"]
        assert f'resource_metadata="https://{host}{METADATA}{path}"' in challenge


def test_a_name_that_is_not_listed_has_no_url_of_its_own(gateway: RoutedGateway):
    for host in ("other.example.org", f"{OTHER}.example.net", f"x.{OTHER}"):
        token = token_for(gateway, f"https://{host}/mcp")
        assert gateway.call("/mcp", token=token, host=host).status_code in (401, 421), host


def test_the_own_host_name_of_a_server_has_its_own_url(gateway: RoutedGateway):
    token = gateway.token("own host")
    assert gateway.call("/mcp", token=token, host=OWN_HOST).status_code == 200
    assert gateway.call("/mcp", token=gateway.token("platform"), host=OWN_HOST).status_code == 401
    answer = gateway.ask(f"{METADATA}/mcp", headers={"host": OWN_HOST})
    assert answer.json()["resource"] == RESOURCES["own host"]


def test_plain_http_is_redirected_to_the_requested_name(gateway: RoutedGateway):
    for host in (DOMAIN, OTHER, OWN_HOST):
        answer = gateway.ask_plain("/mcp?a=b", headers={"host": host})
        assert answer.headers["location"] == f"https://{host}/mcp?a=b"
    answer = gateway.ask_plain("/mcp", headers={"host": "evil.example.net"})
    assert answer.headers["location"] == f"https://{DOMAIN}/mcp"


@pytest.mark.parametrize("path", ["/mcp", PATH])
def test_pages_of_each_name_may_call_and_others_may_not(gateway: RoutedGateway, path: str):
    token = token_for(gateway, f"https://{DOMAIN}{path}")
    for page, status in {
        f"https://{DOMAIN}": 200,
        f"https://{OTHER}": 200,
        f"http://{OTHER}": 403,
        f"https://x.{OTHER}": 403,
    }.items():
        assert gateway.call(path, token=token, origin=page).status_code == status, page
