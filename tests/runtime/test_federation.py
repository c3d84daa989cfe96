"""A federating server lists and calls tools of servers that are made with the SDK alone."""

from __future__ import annotations

import anyio
import httpx2
import pytest
from mcp.server.mcpserver import MCPServer
from mcp.shared.exceptions import MCPError

from tests.harness.answer_headers import FOREIGN, NEEDED, OF_CHECKS, WithHeaders, foreign_in
from tests.harness.server import ERAS, eventually, text_of
from tests.harness.tokens import Issuer
from tests.harness.user_server import Front, UserServer, federating, running
from tests.harness.weather_server import weather

eras = pytest.mark.parametrize("era", ERAS)


@eras
@pytest.mark.parametrize("name", ["weather", "old", "either"])
async def test_tools_of_servers_of_each_era_are_called(federation: Front, era: str, name: str):
    async with federation.client(era) as client:
        assert f"{name}__forecast" in {tool.name for tool in (await client.list_tools()).tools}
        result = await client.call_tool(f"{name}__forecast", {"city": "Bern"})
    assert (result.is_error, text_of(result)) == (False, "rain in Bern")


async def test_a_server_with_send_user_gets_the_caller_in_headers_and_no_token(
    federation: Front, modern_weather: UserServer
):
    modern_weather.requests.clear()
    claims = {"sub": "jürgen, 100%", "scope": "a b", "client_id": "a\nb"}
    async with federation.client(headers=None, **claims) as client:
        await client.call_tool("weather__forecast", {"city": "Bern"})
    assert modern_weather.requests
    for headers in modern_weather.requests:
        assert headers["x-user"] == "j%C3%BCrgen,%20100%25"
        assert headers["x-user-scopes"] == "a b"
        assert headers["x-user-client"] == "a%0Ab"
        assert "authorization" not in headers
        assert not any("eyJ" in value for value in headers.values())  # as every token begins


async def test_a_client_cannot_set_the_headers_that_name_the_caller(
    federation: Front, modern_weather: UserServer
):
    modern_weather.requests.clear()
    name = "weather__forecast"
    forged = {"mcp-name": name, "x-user": "root", "x-user-scopes": "all"}
    answer = federation.post("tools/call", forged, name=name, arguments={"city": "Bern"})
    assert "rain in Bern" in answer.text
    assert {headers["x-user"] for headers in modern_weather.requests} == {"ada"}
    assert {headers["x-user-scopes"] for headers in modern_weather.requests} == {""}


async def test_tools_of_a_server_are_hidden_from_callers_without_its_scopes(federation: Front):
    async with federation.client() as client:
        names = {tool.name for tool in (await client.list_tools()).tools}
        with pytest.raises(MCPError, match=r"needs the scope closed\.read"):
            await client.call_tool("closed__forecast", {"city": "Bern"})
    assert not any(name.startswith("closed__") for name in names)
    async with federation.client(scope="closed.read") as client:
        assert "closed__forecast" in {tool.name for tool in (await client.list_tools()).tools}
        result = await client.call_tool("closed__forecast", {"city": "Bern"})
    assert text_of(result) == "rain in Bern"


async def test_a_call_is_ended_after_the_longest_time_of_its_server(federation: Front):
    async with federation.client() as client:
        cut = await client.call_tool("weather__wait", {"seconds": 3})
        whole = await client.call_tool("old__wait", {"seconds": 0.7})
    assert "longer than 0.5 s" in text_of(cut)
    assert text_of(whole) == "done"


async def test_the_headers_of_a_request_name_what_the_server_calls_it(
    federation: Front, modern_weather: UserServer
):
    modern_weather.requests.clear()
    trace = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
    async with federation.client(headers={"traceparent": trace}) as client:
        await client.list_tools()
        at = await client.call_tool("weather__at", {"place": "Bern"})
        await client.read_resource("weather+map://world")
    assert text_of(at) == "Bern"
    called, read = modern_weather.requests[-2:]
    assert (called["mcp-name"], called["mcp-param-place"]) == ("at", "Bern")
    assert read["mcp-name"] == "map://world"
    assert called["traceparent"] == trace
    assert called["x-federated-by"] == "qudag-mcp-tools"


@pytest.mark.parametrize("sent", ["forecast", "other__forecast"])
async def test_the_name_in_the_header_must_be_the_offered_one(federation: Front, sent: str):
    name = "weather__forecast"
    answer = federation.post("tools/call", {"mcp-name": sent}, name=name, arguments={"city": "B"})
    assert answer.status_code == 400


async def test_callers_of_a_legacy_server_have_a_session_each(
    federation: Front, legacy_weather: UserServer
):
    legacy_weather.requests.clear()
    for sub in ("ada", "bob", "ada"):
        async with federation.client(sub=f"session of {sub}") as client:
            await client.call_tool("old__forecast", {"city": "Bern"})
    sessions: dict[str, set[str]] = {}
    for headers in legacy_weather.requests:
        if "mcp-session-id" in headers:
            sessions.setdefault(headers["x-user"], set()).add(headers["mcp-session-id"])
    ada, bob = sessions.values()
    assert not ada & bob
    assert [len(ada), len(bob)] == [2, 2], "the server is there under two names"


async def test_a_cancelled_call_of_a_legacy_server_is_cancelled_there(issuer: Issuer):
    started, cancelled = anyio.Event(), anyio.Event()
    server = MCPServer("slow")

    @server.tool()
    async def forever() -> str:
        started.set()
        try:
            await anyio.sleep(300)
        finally:
            cancelled.set()
        return ""

    with running(server, modern=False) as slow, federating(issuer, slow.entry("slow")) as front:
        async with front.client() as client, anyio.create_task_group() as tasks:
            tasks.start_soon(client.call_tool, "slow__forever")
            await eventually(started.is_set)
            tasks.cancel_scope.cancel()
        await eventually(cancelled.is_set)


async def test_a_session_that_the_server_has_lost_is_opened_again(
    federation: Front, legacy_weather: UserServer
):
    async with federation.client() as client:
        await client.call_tool("old__forecast", {"city": "Bern"})
        legacy_weather.restart()
        result = await client.call_tool("old__forecast", {"city": "Bern"})
    assert text_of(result) == "rain in Bern"


async def test_a_server_that_is_down_is_left_out_and_its_calls_fail_with_a_clear_error(
    issuer: Issuer, modern_weather: UserServer
):
    with running(weather()) as other:
        entries = [modern_weather.entry("up"), other.entry("down")]
        with federating(issuer, *entries) as front:
            async with front.client() as client:
                assert "down__forecast" in {tool.name for tool in (await client.list_tools()).tools}
                other.status = 503
                results = [
                    await client.call_tool("down__forecast", {"city": "Bern"}) for _ in range(4)
                ]
                assert all(result.is_error for result in results)
                assert "it is asked again in" in text_of(results[-1])
                with pytest.raises(MCPError, match="does not answer"):
                    await client.read_resource("down+map://world")
                names = {prompt.name for prompt in (await client.list_prompts()).prompts}
                assert names == {"up__plan"}
                working = await client.call_tool("up__forecast", {"city": "Bern"})
    assert text_of(working) == "rain in Bern"


async def test_a_cycle_of_federating_servers_is_detected_and_refused(
    issuer: Issuer, modern_weather: UserServer
):
    path = {"x-federated-by": "a,qudag-mcp-tools"}
    with federating(issuer, modern_weather.entry("weather")) as front:
        for headers, offered in ((path, False), ({"x-federated-by": "a,b"}, True)):
            async with front.client(headers=headers) as client:
                names = {tool.name for tool in (await client.list_tools()).tools}
                assert ("weather__forecast" in names) is offered
        async with front.client(headers=path) as client:
            with pytest.raises(MCPError, match="in a cycle"):
                await client.call_tool("weather__forecast", {"city": "Bern"})
        long = {"x-federated-by": "a,b,c,d,e"}
        async with front.client(headers=long) as client:
            assert "echo" in {tool.name for tool in (await client.list_tools()).tools}
            with pytest.raises(MCPError, match="in a cycle"):
                await client.call_tool("weather__forecast", {"city": "Bern"})


@eras
@pytest.mark.parametrize("name", ["modern", "legacy"])
async def test_headers_of_a_federated_server_reach_no_client(issuer: Issuer, era: str, name: str):
    got: list[httpx2.Headers] = []

    async def note(response: httpx2.Response) -> None:
        got.append(response.headers)

    speaking = WithHeaders(weather(), FOREIGN | OF_CHECKS | NEEDED)
    with (
        running(speaking, modern=name == "modern") as server,
        federating(issuer, server.entry("weather", era=name)) as front,
    ):
        async with front.client(era, answered=note) as client:
            result = await client.call_tool("weather__forecast", {"city": "Bern"})
    assert text_of(result) == "rain in Bern"
    assert got
    assert [foreign_in(headers) for headers in got] == [set()] * len(got)
