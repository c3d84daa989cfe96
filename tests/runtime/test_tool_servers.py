"""A server offers the tools of other servers, and forwards calls with the caller's token."""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import anyio
import pytest
from mcp.shared.exceptions import MCPError

from runtime.config import ServerConfig
from runtime.federation.federation import Federation
from runtime.federation.kinds import TOOLS
from runtime.metrics import Metrics
from runtime.tool_servers_config import ToolServerSection
from tests.harness.certificates import Authority
from tests.harness.server import (
    ERAS,
    MODERN,
    RunningServer,
    eventually,
    free_port,
    modern_request,
    serving,
    settings,
    text_of,
)
from tests.harness.tokens import Issuer

CHAIN: dict[str, Any] = {"protocol": {"longest_tool_seconds": 60, "drain_seconds": 65}}
eras = pytest.mark.parametrize("era", ERAS)


@dataclass
class Chain:
    """`front` offers the tools of `middle`, and `middle` those of `back`."""

    front: RunningServer
    middle: RunningServer
    back: RunningServer


def tool_server(name: str, server: RunningServer, **fields: Any) -> dict[str, Any]:
    return {"name": name, "url": f"{server.base}/mcp", **fields}


@pytest.fixture(scope="module")
def chain(tmp_path_factory: pytest.TempPathFactory, issuer: Issuer) -> Generator[Chain]:
    directory = tmp_path_factory.mktemp("chain")
    with serving(directory, issuer, server={"role": "tools"}, **CHAIN) as back:
        behind: dict[str, Any] = {"tool_servers": [tool_server("tools", back)]}
        with serving(directory, issuer, server={"role": "config"}, **CHAIN, **behind) as middle:
            behind = {"tool_servers": [tool_server("config", middle)]}
            with serving(directory, issuer, server={"role": "core"}, **CHAIN, **behind) as front:
                yield Chain(front, middle, back)


@eras
async def test_all_tools_are_listed_under_the_name_of_the_server_that_has_them(
    chain: Chain, era: str
):
    async with chain.front.client(era) as client:
        names = {tool.name for tool in (await client.list_tools()).tools}
    tools = {f"tools__{name}" for name in ("echo", "wait", "count", "fail")}
    assert names == {"echo", "wait", "count", "fail", "config__echo"} | tools


@eras
async def test_a_server_without_tools_of_its_own_lists_those_of_other_servers(
    chain: Chain, issuer: Issuer, tmp_path: Path, era: str
):
    behind: dict[str, Any] = {"tool_servers": [tool_server("tools", chain.back)]}
    with serving(tmp_path, issuer, server={"role": "federation"}, **behind) as front:
        async with front.client(era) as client:
            names = [tool.name for tool in (await client.list_tools()).tools]
            assert names == [f"tools__{name}" for name in ("echo", "wait", "count", "fail")]
            result = await client.call_tool("tools__echo", {"text": "a"})
    assert text_of(result) == "a"


@eras
async def test_a_call_reaches_the_server_that_has_the_tool(chain: Chain, era: str):
    before = chain.back.metric("mcp_tool_requests_total", tool_name="echo")
    async with chain.front.client(era) as client:
        result = await client.call_tool("tools__echo", {"text": "häl"})
    assert (text_of(result), result.is_error) == ("häl", False)
    assert chain.back.metric("mcp_tool_requests_total", tool_name="echo") == before + 1


async def test_a_server_that_has_just_started_forwards_before_it_has_listed(
    chain: Chain, issuer: Issuer, tmp_path: Path
):
    behind: dict[str, Any] = {"tool_servers": [tool_server("tools", chain.back)]}
    with serving(tmp_path, issuer, server={"role": "core"}, **behind) as fresh:
        call = modern_request("tools/call", name="tools__echo", arguments={"text": "a"})
        headers = {"mcp_method": "tools/call", "mcp_name": "tools__echo"}
        answer = fresh.post(call, version=MODERN, **headers)
    assert answer.json()["result"]["content"][0]["text"] == "a"


def test_a_header_that_cannot_be_passed_on_does_not_hide_the_tools_from_others(
    chain: Chain, issuer: Issuer, tmp_path: Path
):
    behind: dict[str, Any] = {"tool_servers": [tool_server("tools", chain.back)]}
    with serving(tmp_path, issuer, server={"role": "core"}, **behind) as fresh:
        for trace in ("\u00ff", "x" * 60_000):
            answer = fresh.post(
                modern_request("tools/list"),
                version=MODERN,
                mcp_method="tools/list",
                traceparent=trace.encode("latin-1"),  # pyright: ignore[reportArgumentType]
            )
            assert "tools__echo" in answer.text


def test_a_caller_that_a_server_refuses_does_not_hide_its_tools_from_others(
    issuer: Issuer, tmp_path: Path
):
    auth = {**settings(issuer)["auth"], "required_scopes": ["tools"]}
    with serving(tmp_path, issuer, server={"role": "tools"}, auth=auth) as strict:
        behind: dict[str, Any] = {"tool_servers": [tool_server("tools", strict)]}
        with serving(tmp_path, issuer, server={"role": "core"}, **behind) as front:
            for scope, seen in (("other", False), ("tools", True)):
                token = issuer.token(sub=scope, scope=scope)
                answer = front.post_modern("tools/list", token)
                assert ("tools__echo" in answer.text) is seen


async def test_a_server_cannot_offer_a_tool_in_the_name_of_another():
    sections = [
        ToolServerSection(name=name, url=f"https://{name}.example/mcp") for name in ("a", "b")
    ]
    federation = Federation(sections, "core", Metrics(ServerConfig()))
    first, second = (member.lists for member in federation.members.values())
    tools = [{"name": "a__remember", "inputSchema": {"type": "object"}}]
    for lists, offered in ((first, "a__remember"), (second, "b__a__remember")):
        (item,) = lists._checked(TOOLS, tools, None).items  # pyright: ignore[reportPrivateUsage]
        assert item["name"] == offered


@eras
async def test_every_server_sees_the_subject_of_the_caller(chain: Chain, era: str):
    token = chain.front.issuer.token(sub="somebody-else")
    async with chain.front.client(era, token=token) as client:
        await client.call_tool("tools__echo", {"text": "a"})
    for server in (chain.front, chain.middle, chain.back):
        assert any(e.get("subject") == "somebody-else" for e in server.log()), server.base


@eras
async def test_progress_of_a_forwarded_call_reaches_the_client(chain: Chain, era: str):
    seen: list[float] = []

    async def note(progress: float, total: float | None, message: str | None) -> None:
        seen.append(progress)

    async with chain.front.client(era) as client:
        arguments = {"to": 3, "pause_seconds": 0.05}
        result = await client.call_tool("tools__count", arguments, progress_callback=note)
    assert (text_of(result), seen) == ("counted to 3", [1, 2, 3])


async def test_a_cancelled_call_ends_at_the_server_that_runs_it(chain: Chain):
    async with chain.front.client() as client, anyio.create_task_group() as tasks:
        tasks.start_soon(client.call_tool, "tools__wait", {"seconds": 50})
        await eventually(lambda: chain.back.metric("mcp_calls_in_flight") == 1)
        tasks.cancel_scope.cancel()
    await eventually(lambda: chain.back.metric("mcp_calls_in_flight") == 0)


@eras
async def test_errors_of_tools_and_of_arguments_are_forwarded(chain: Chain, era: str):
    async with chain.front.client(era) as client:
        failed = await client.call_tool("tools__fail", {"reason": "because"})
        wrong = await client.call_tool("tools__wait", {"seconds": "long"})
        with pytest.raises(MCPError, match="Unknown tool: tools__nothing"):
            await client.call_tool("tools__nothing", {})
    assert (failed.is_error, text_of(failed)) == (True, "Error executing tool fail: because")
    assert wrong.is_error


async def test_a_server_that_does_not_answer_leaves_the_other_tools_usable(
    issuer: Issuer, tmp_path: Path
):
    absent: dict[str, Any] = {"name": "tools", "url": f"http://127.0.0.1:{free_port()}/mcp"}
    with serving(tmp_path, issuer, server={"role": "core"}, tool_servers=[absent]) as server:
        async with server.client() as client:
            names = {tool.name for tool in (await client.list_tools()).tools}
            assert "echo" in names
            assert text_of(await client.call_tool("echo", {"text": "a"})) == "a"
        (noted,) = server.events("tool_server")
    assert (noted["server"], noted["answered"]) == ("tools", False)


async def test_a_call_to_a_server_that_has_ended_is_a_tool_error(issuer: Issuer, tmp_path: Path):
    with serving(tmp_path, issuer, server={"role": "tools"}) as back:
        behind: dict[str, Any] = {"tool_servers": [tool_server("tools", back)]}
        with serving(tmp_path, issuer, server={"role": "core"}, **behind) as front:
            async with front.client() as client:
                await client.list_tools()
                back.program.kill()
                result = await client.call_tool("tools__echo", {"text": "a"})
    assert result.is_error
    assert "does not answer" in text_of(result)


@pytest.mark.parametrize(("name", "offered"), [("localhost", True), ("tools-service", False)])
async def test_the_name_in_the_certificate_of_a_tool_server_is_verified(
    issuer: Issuer, tmp_path: Path, name: str, offered: bool
):
    authority = Authority.at(tmp_path)
    certificate, key = authority.issue("back", [name], addresses=[])
    tls = {"tls_port": free_port(), "tls_cert": str(certificate), "tls_key": str(key)}
    with serving(tmp_path, issuer, authority.trust(), server={"role": "tools", **tls}):
        entry = {
            "name": "tools",
            "url": f"https://localhost:{tls['tls_port']}/mcp",
            "ca_file": str(authority.ca_file),
        }
        with serving(tmp_path, issuer, server={"role": "core"}, tool_servers=[entry]) as front:
            async with front.client() as client:
                names = {tool.name for tool in (await client.list_tools()).tools}
    assert ("tools__echo" in names) is offered
