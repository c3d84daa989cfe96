"""agentgateway with the rendered configuration: addresses, pages, metrics."""

from __future__ import annotations

from collections.abc import Generator

import anyio
import pytest

from tests.harness.agentgateway import (
    ABSENT,
    PROGRAM,
    metrics,
    routed_by_agentgateway,
)
from tests.harness.certificates import Authority
from tests.harness.network import can_isolate
from tests.harness.nginx_gateway import ALWAYS
from tests.harness.routed_gateway import (
    DOMAIN,
    OWN_HOST,
    PATH,
    RESOURCES,
    SCOPE,
    RoutedGateway,
)
from tests.harness.server import text_of
from tests.harness.tokens import ISSUER, Issuer

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


@pytest.mark.parametrize("era", ["modern", "legacy"])
@pytest.mark.parametrize(
    ("path", "host", "resource", "said"),
    [
        (PATH, DOMAIN, "weather", "weather: ada"),
        ("/servers/files/mcp", DOMAIN, "files", "files: ada"),
        ("/mcp", OWN_HOST, "own host", "weather: ada"),
    ],
    ids=["path", "other path at the server", "own host"],
)
def test_the_official_client_calls_a_server_at_each_of_its_addresses(
    gateway: RoutedGateway, era: str, path: str, host: str, resource: str, said: str
):
    async def called() -> str:
        token = gateway.token(resource)
        async with gateway.client(era, path, host, token) as client:
            return text_of(await client.call_tool("whoami", {}))

    assert anyio.run(called) == said


def test_the_official_client_calls_it_in_the_list_of_all_tools(gateway: RoutedGateway):
    async def called() -> tuple[set[str], str]:
        token = gateway.token("platform")
        async with gateway.client("modern", "/mcp", token=token) as client:
            names = {tool.name for tool in (await client.list_tools()).tools}
            return names, text_of(await client.call_tool("weather__whoami", {}))

    names, said = anyio.run(called)
    assert "weather__whoami" in names
    assert said == "weather: ada"


def test_path_and_query_are_those_that_the_server_expects(gateway: RoutedGateway):
    gateway.call("/servers/files/mcp?a=%2F%20b&c", token=gateway.token("files"))
    assert gateway.files.received[-1].path == "/api/mcp"
    assert gateway.files.received[-1].query == "a=%2F%20b&c"


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
def test_metadata_is_readable_without_a_token(
    gateway: RoutedGateway, host: str, path: str, resource: str
):
    answer = gateway.ask(path, headers={"host": host})
    assert answer.status_code == 200
    document = answer.json()
    assert document["resource"] == RESOURCES[resource]
    assert document["authorization_servers"] == [ISSUER]
    wanted = [SCOPE] if resource in ("weather", "own host") else None
    assert document.get("scopes_supported") == wanted


@pytest.mark.parametrize(
    ("host", "path"),
    [
        (DOMAIN, "/servers/absent/mcp"),
        (DOMAIN, "/servers/weather/other"),
        (DOMAIN, "/authorize"),
        ("evil.test", PATH),
        (DOMAIN, f"{METADATA}/servers/absent/mcp"),
    ],
)
def test_other_paths_and_hosts_are_answered_404(gateway: RoutedGateway, host: str, path: str):
    before = [len(one.received) for one in (gateway.weather, gateway.files)]
    assert gateway.call(path, host=host).status_code == 404
    assert [len(one.received) for one in (gateway.weather, gateway.files)] == before


@pytest.mark.parametrize("page", ["https://page.example.com", f"https://{DOMAIN}"])
def test_an_allowed_page_may_call(gateway: RoutedGateway, page: str):
    answer = gateway.call(origin=page)
    assert answer.status_code == 200
    assert answer.headers["access-control-allow-origin"] == page
    asked = {"origin": page, "access-control-request-method": "POST", "host": DOMAIN}
    preflight = gateway.ask(PATH, "OPTIONS", headers=asked)
    assert preflight.status_code < 300
    assert "authorization" in preflight.headers["access-control-allow-headers"]


def test_a_foreign_page_is_refused(gateway: RoutedGateway):
    before = len(gateway.weather.received)
    answer = gateway.call(origin="https://evil.test")
    assert answer.status_code == 403
    assert "access-control-allow-origin" not in answer.headers
    assert len(gateway.weather.received) == before


def test_answers_have_the_headers_of_the_gateway(gateway: RoutedGateway):
    for answer in (gateway.call(), gateway.call(token=None), gateway.call("/mcp", token=None)):
        assert ALWAYS.items() <= dict(answer.headers).items()


def test_plain_http_is_redirected(gateway: RoutedGateway):
    for host in (DOMAIN, OWN_HOST):
        answer = gateway.ask_plain("/mcp?a=b", headers={"host": host})
        assert answer.status_code == 308
        assert answer.headers["location"] == f"https://{host}/mcp?a=b"


def test_metrics_are_offered(gateway: RoutedGateway):
    gateway.call()
    assert "agentgateway_requests_total" in metrics()
