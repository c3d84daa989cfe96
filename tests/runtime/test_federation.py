"""A server offers what servers have that know nothing of this project."""

from __future__ import annotations

from collections.abc import Generator
from pathlib import Path
from typing import Any

import anyio
import pytest
from mcp.server.mcpserver import MCPServer
from mcp.shared.exceptions import MCPError

from tests.harness.server import (
    ERAS,
    MODERN,
    RunningServer,
    modern_request,
    serving,
    text_of,
)
from tests.harness.tokens import Issuer
from tests.harness.user_server import UserServer, running

eras = pytest.mark.parametrize("era", ERAS)


def weather() -> MCPServer:
    server = MCPServer("weather")

    @server.tool()
    async def forecast(city: str) -> str:
        """What the weather will be."""
        return f"rain in {city}"

    @server.tool()
    async def wait(seconds: float) -> str:
        await anyio.sleep(seconds)
        return "done"

    return server


def front(directory: Path, issuer: Issuer, *entries: dict[str, Any]) -> Any:
    """A server with these entries, to be entered."""
    return serving(directory, issuer, server={"role": "tools"}, tool_servers=list(entries))


@pytest.fixture(scope="module")
def modern() -> Generator[UserServer]:
    with running(weather()) as server:
        yield server


@pytest.fixture(scope="module")
def legacy() -> Generator[UserServer]:
    with running(weather(), modern=False) as server:
        yield server


@pytest.fixture(scope="module")
def federation(
    tmp_path_factory: pytest.TempPathFactory, issuer: Issuer, modern: UserServer, legacy: UserServer
) -> Generator[RunningServer]:
    entries = [
        modern.entry("weather", era="modern", longest_tool_seconds=0.5),
        legacy.entry("old", era="legacy"),
        legacy.entry("either", era="dual"),
        modern.entry("closed", scopes=["closed.read"]),
    ]
    with front(tmp_path_factory.mktemp("federation"), issuer, *entries) as server:
        yield server


@eras
@pytest.mark.parametrize("name", ["weather", "old", "either"])
async def test_tools_of_servers_of_each_era_are_called(
    federation: RunningServer, era: str, name: str
):
    async with federation.client(era) as client:
        assert f"{name}__forecast" in {tool.name for tool in (await client.list_tools()).tools}
        result = await client.call_tool(f"{name}__forecast", {"city": "Bern"})
    assert (result.is_error, text_of(result)) == (False, "rain in Bern")


async def test_a_server_with_send_user_gets_the_caller_in_headers_and_no_token(
    federation: RunningServer, modern: UserServer, issuer: Issuer
):
    modern.requests.clear()
    token = issuer.token(sub="jürgen, 100%", scope="a b", client_id="a\nb")
    async with federation.client(token=token) as client:
        await client.call_tool("weather__forecast", {"city": "Bern"})
    assert modern.requests
    for headers in modern.requests:
        assert headers["x-user"] == "j%C3%BCrgen,%20100%25"
        assert headers["x-user-scopes"] == "a b"
        assert headers["x-user-client"] == "a%0Ab"
        assert "authorization" not in headers
        assert not any(token in value for value in headers.values())


async def test_a_client_cannot_set_the_headers_that_name_the_caller(
    federation: RunningServer, modern: UserServer
):
    modern.requests.clear()
    name = "weather__forecast"
    call = modern_request("tools/call", name=name, arguments={"city": "Bern"})
    forged = {"x_user": "root", "x_user_scopes": "all"}
    answer = federation.post(call, version=MODERN, mcp_method="tools/call", mcp_name=name, **forged)
    assert "rain in Bern" in answer.text
    assert {headers["x-user"] for headers in modern.requests} == {"ada"}
    assert {headers["x-user-scopes"] for headers in modern.requests} == {""}


async def test_tools_of_a_server_are_hidden_from_callers_without_its_scopes(
    federation: RunningServer, issuer: Issuer
):
    async with federation.client() as client:
        names = {tool.name for tool in (await client.list_tools()).tools}
        with pytest.raises(MCPError, match=r"need the scope closed\.read"):
            await client.call_tool("closed__forecast", {"city": "Bern"})
    assert not any(name.startswith("closed__") for name in names)
    async with federation.client(token=issuer.token(scope="closed.read")) as client:
        assert "closed__forecast" in {tool.name for tool in (await client.list_tools()).tools}
        result = await client.call_tool("closed__forecast", {"city": "Bern"})
    assert text_of(result) == "rain in Bern"


async def test_a_call_is_ended_after_the_longest_time_of_its_server(federation: RunningServer):
    async with federation.client() as client:
        cut = await client.call_tool("weather__wait", {"seconds": 3})
        whole = await client.call_tool("old__wait", {"seconds": 0.7})
    assert "longer than 0.5 s" in text_of(cut)
    assert text_of(whole) == "done"
