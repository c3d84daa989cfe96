"""The gateway's nginx serves users' servers at addresses of their own."""

from __future__ import annotations

import time
from collections.abc import Generator

import anyio
import httpx2
import pytest

from tests.harness.certificates import Authority
from tests.harness.nginx_gateway import ALWAYS
from tests.harness.routed_gateway import (
    DOMAIN,
    OWN_HOST,
    PATH,
    RESOURCES,
    SCOPE,
    RoutedGateway,
    routed,
)
from tests.harness.server import text_of
from tests.harness.tokens import ISSUER, Issuer

pytestmark = pytest.mark.slow

METADATA = "/.well-known/oauth-protected-resource"


@pytest.fixture(scope="module")
def gateway(
    tmp_path_factory: pytest.TempPathFactory, authority: Authority, issuer: Issuer
) -> Generator[RoutedGateway]:
    """For tests that leave it as it was."""
    with routed(tmp_path_factory.mktemp("routes"), authority, issuer) as gateway:
        yield gateway


@pytest.mark.parametrize("era", ["modern", "legacy"])
@pytest.mark.parametrize(
    ("path", "host", "resource", "said"),
    [
        (PATH, DOMAIN, "weather", "weather: ada"),
        ("/servers/files/mcp", DOMAIN, "files", "files: ada"),
        ("/mcp", OWN_HOST, "own host", "weather: ada"),
        (f"{PATH}/", DOMAIN, "weather", "weather: ada"),
    ],
    ids=["path", "other path at the server", "own host", "trailing slash"],
)
def test_the_official_client_calls_a_server_at_each_of_its_addresses(
    gateway: RoutedGateway, era: str, path: str, host: str, resource: str, said: str
):
    async def called() -> str:
        token = gateway.token(resource)
        async with gateway.client(era, path, host, token) as client:
            return text_of(await client.call_tool("whoami", {}))

    assert anyio.run(called) == said


def test_the_platforms_own_mcp_endpoint_is_served_besides_routes(gateway: RoutedGateway):
    async def called() -> str:
        async with gateway.client("modern", "/mcp", token=gateway.token("platform")) as client:
            return text_of(await client.call_tool("echo", {"text": "häl"}))

    assert anyio.run(called) == "häl"


def test_path_and_query_are_those_that_the_server_expects(gateway: RoutedGateway):
    token = gateway.token("files")
    gateway.call("/servers/files/mcp?a=%2F%20b&c", token=token)
    assert gateway.files.received[-1].path == "/api/mcp"
    assert gateway.files.received[-1].query == "a=%2F%20b&c"


@pytest.mark.parametrize(
    "path",
    [
        "/servers",
        "/servers/",
        "/servers/weather",
        "/servers/weather/",
        "/servers/weather/other",
        "/servers/weather/mcp/other",
        "/servers/Weather/mcp",
        "/servers/absent/mcp",
        f"{METADATA}/servers/absent/mcp",
        f"/servers/absent/mcp{METADATA}",
    ],
)
def test_other_paths_and_hosts_are_answered_404(gateway: RoutedGateway, path: str):
    before = [len(one.received) for one in (gateway.weather, gateway.files)]
    answer = gateway.call(path)
    assert answer.status_code == 404
    assert answer.json()["error"]["message"] == "There is no server at this address."
    assert ALWAYS.items() <= dict(answer.headers).items()
    assert [len(one.received) for one in (gateway.weather, gateway.files)] == before


@pytest.mark.parametrize("path", ["/authorize", "/authorize/", "/servers/weather/mcp/authorize"])
def test_a_client_cannot_ask_the_authorizer(gateway: RoutedGateway, path: str):
    for host in (DOMAIN, OWN_HOST):
        answer = gateway.call(path, host=host, x_resource_path=PATH)
        assert answer.status_code == 404


@pytest.mark.parametrize(
    ("host", "path", "resource"),
    [
        (DOMAIN, f"{METADATA}/servers/weather/mcp", "weather"),
        (DOMAIN, f"{PATH}{METADATA}", "weather"),
        (DOMAIN, f"{METADATA}/servers/files/mcp", "files"),
        (DOMAIN, METADATA, "platform"),
        (DOMAIN, f"{METADATA}/mcp", "platform"),
        (OWN_HOST, METADATA, "own host"),
        (OWN_HOST, f"{METADATA}/mcp", "own host"),
        (OWN_HOST, f"/mcp{METADATA}", "own host"),
    ],
)
def test_the_metadata_of_each_address_names_that_address(
    gateway: RoutedGateway, host: str, path: str, resource: str
):
    answer = gateway.ask(path, headers={"host": host, "x-resource-host": "evil.test"})
    assert answer.json()["resource"] == RESOURCES[resource]
    assert answer.json()["authorization_servers"] == [ISSUER]
    wanted = [SCOPE] if resource in ("weather", "own host") else None
    assert answer.json().get("scopes_supported") == wanted


def test_the_challenge_leads_to_the_metadata(gateway: RoutedGateway):
    for host, path, resource in ((DOMAIN, PATH, "weather"), (OWN_HOST, "/mcp", "own host")):
        challenge = gateway.call(path, host=host, token=None).headers["www-authenticate"]
        url = httpx2.URL(challenge.partition('resource_metadata="')[2].rstrip('"'))
        document = gateway.ask(url.path, headers={"host": url.host}).json()
        assert document["resource"] == RESOURCES[resource]


@pytest.mark.parametrize("host", ["evil.test", f"x.{DOMAIN}", "192.0.2.1.evil.test"])
def test_a_request_for_an_unknown_host_is_refused(gateway: RoutedGateway, host: str):
    before = len(gateway.weather.received)
    answer = gateway.call(host=host)
    assert (answer.status_code, answer.json()["error"]) == (421, "misdirected_request")
    assert len(gateway.weather.received) == before
    assert gateway.call("/mcp", host=host, token=gateway.token("platform")).status_code == 421


@pytest.mark.parametrize("host", [f"{DOMAIN}:8443", DOMAIN.upper(), "localhost", "127.0.0.1"])
def test_a_host_that_no_other_site_can_have_is_served(gateway: RoutedGateway, host: str):
    assert gateway.call(host=host).status_code == 200


def test_plain_http_is_sent_to_the_host_that_was_asked(gateway: RoutedGateway):
    for host, to in ((OWN_HOST, OWN_HOST), (DOMAIN, DOMAIN), ("evil.test", DOMAIN)):
        answer = gateway.ask_plain("/mcp", headers={"host": host})
        assert (answer.status_code, answer.headers["location"]) == (308, f"https://{to}/mcp")


def test_events_of_a_server_arrive_as_they_are_sent(gateway: RoutedGateway):
    """Progress comes before a pause of two seconds, the answer after it."""
    arrivals: list[float] = []

    async def progressed(progress: float, total: float | None, message: str | None) -> None:
        arrivals.append(time.monotonic())

    async def called() -> float:
        async with gateway.client("legacy") as client:
            await client.call_tool("wait", {"seconds": 2}, progress_callback=progressed)
            return time.monotonic()

    assert anyio.run(called) - arrivals[0] > 1
