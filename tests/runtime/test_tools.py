"""Every tool, called by the official client in both eras."""

from __future__ import annotations

from collections.abc import Mapping

import anyio
import pytest
from mcp import MCPError

from runtime.config import Config
from runtime.server_config import Role
from runtime.tools import ROLE_TOOLS, tools_of
from tests.harness.server import ERAS, RunningServer, eventually, settings, text_of
from tests.harness.tokens import Issuer

eras = pytest.mark.parametrize("era", ERAS)


@eras
async def test_tools_are_listed_with_their_schemas(dual: RunningServer, era: str):
    async with dual.client(era) as client:
        tools = {tool.name: tool for tool in (await client.list_tools()).tools}
    assert list(tools) == ["echo", "wait", "count", "fail"]
    assert tools["wait"].input_schema["required"] == ["seconds"]
    assert tools["echo"].description == "Return the text unchanged."


@eras
async def test_a_call_answers_with_the_tools_result(dual: RunningServer, era: str):
    async with dual.client(era) as client:
        result = await client.call_tool("echo", {"text": "häl"})
    assert (text_of(result), result.is_error) == ("häl", False)


@eras
async def test_progress_arrives_before_the_result(dual: RunningServer, era: str):
    seen: list[tuple[float, float | None, str | None]] = []

    async def note(progress: float, total: float | None, message: str | None) -> None:
        seen.append((progress, total, message))

    async with dual.client(era) as client:
        arguments = {"to": 3, "pause_seconds": 0}
        result = await client.call_tool("count", arguments, progress_callback=note)
        await eventually(lambda: len(seen) == 3)
    assert text_of(result) == "counted to 3"
    assert sorted(seen) == [(1, 3, "1 of 3"), (2, 3, "2 of 3"), (3, 3, "3 of 3")]


@eras
async def test_a_failing_tool_is_a_tool_error_with_its_reason(dual: RunningServer, era: str):
    async with dual.client(era) as client:
        result = await client.call_tool("fail", {"reason": "no luck"})
    assert result.is_error
    assert "no luck" in text_of(result)


@eras
async def test_arguments_that_do_not_fit_are_a_tool_error(dual: RunningServer, era: str):
    async with dual.client(era) as client:
        result = await client.call_tool("count", {"to": "many"})
    assert result.is_error
    assert "to" in text_of(result)


@eras
async def test_an_unknown_tool_is_a_protocol_error(dual: RunningServer, era: str):
    async with dual.client(era) as client:
        with pytest.raises(MCPError, match="Unknown tool: nothing"):
            await client.call_tool("nothing", {})


@eras
async def test_a_call_longer_than_allowed_is_ended_with_a_clear_error(
    dual: RunningServer, era: str
):
    async with dual.client(era) as client:
        with anyio.fail_after(4):
            result = await client.call_tool("wait", {"seconds": 30})
    assert result.is_error
    assert "longer than 1.5 s" in text_of(result)


@eras
async def test_a_cancelled_call_stops_on_the_server(long_server: RunningServer, era: str):
    before = long_server.metric("mcp_requests_total", method="tools/call", status="cancelled")
    async with long_server.client(era) as client, anyio.create_task_group() as tasks:
        tasks.start_soon(client.call_tool, "wait", {"seconds": 50})
        await eventually(lambda: long_server.metric("mcp_calls_in_flight") == 1)
        tasks.cancel_scope.cancel()
    await eventually(lambda: long_server.metric("mcp_calls_in_flight") == 0)
    after = long_server.metric("mcp_requests_total", method="tools/call", status="cancelled")
    assert after == before + 1


async def test_a_client_that_goes_away_cancels_its_modern_call(long_server: RunningServer):
    async with anyio.create_task_group() as tasks:

        async def call() -> None:
            async with long_server.client("modern") as client:
                await client.call_tool("wait", {"seconds": 50})

        tasks.start_soon(call)
        await eventually(lambda: long_server.metric("mcp_calls_in_flight") == 1)
        tasks.cancel_scope.cancel()
    await eventually(lambda: long_server.metric("mcp_calls_in_flight") == 0)


def offered(issuer: Issuer, role: Role, **sections: Mapping[str, object]) -> list[str]:
    config = settings(issuer, server={"role": str(role)}, **sections)
    return list(tools_of(Config.model_validate(config)))


def test_every_role_has_tools_of_its_own_but_those_that_pass_calls_on(issuer: Issuer):
    own = {role for role in Role if role is not Role.FRONT and offered(issuer, role)}
    assert set(Role) - own == {Role.FEDERATION, Role.FRONT}
    assert ROLE_TOOLS[Role.FRONT] == ()


def test_tools_without_their_config_section_are_not_offered(issuer: Issuer):
    database = {"host": "db", "name": "n", "user": "u"}
    assert "remember" not in offered(issuer, Role.CORE)
    assert "remember" in offered(issuer, Role.CORE, database=database)
    assert "node_identity" not in offered(issuer, Role.QUDAG)
    assert "node_identity" in offered(issuer, Role.QUDAG, qudag={"node_config": "/node.toml"})
    assert "node_identity" not in offered(issuer, Role.CORE, qudag={"node_config": "/node.toml"})
