"""Prompts of the reference server, filled in and completed for the official client."""

from __future__ import annotations

import json
from collections.abc import Generator
from pathlib import Path
from typing import Any

import pytest
from mcp import Client, MCPError
from mcp_types import EmbeddedResource, PromptReference, TextContent, TextResourceContents

from runtime.mcp_prompts import ROLE_PROMPTS
from runtime.mcp_resources import memory_uri
from runtime.server_config import Role
from tests.harness.postgres import HOW_TO_GET, Postgres, binaries, postgres
from tests.harness.server import ERAS, RunningServer, run_program, serving, settings, write_config
from tests.harness.tokens import Issuer

from .test_qudag_stand_in import node_toml

eras = pytest.mark.parametrize("era", ERAS)
PEERS = ["127.0.0.1:1", "/dns4/no.invalid/tcp/4001"]
ALL = ["summarize_memory", "check_peers", "explain_configuration"]

pytestmark = pytest.mark.skipif(binaries() is None, reason=HOW_TO_GET)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory, issuer: Issuer) -> Generator[RunningServer]:
    """A monolith with a database and a node."""
    directory = tmp_path_factory.mktemp("monolith")
    with postgres() as database:
        parts = sections(directory, database)
        config = write_config(directory, settings(issuer, **parts))
        assert run_program("migrate", "--config", config).status == 0
        with serving(directory, issuer, **parts) as running:
            yield running


def sections(directory: Path, database: Postgres) -> dict[str, Any]:
    toml = node_toml(directory, network={"peers": PEERS})
    return {"database": database.section(), "qudag": {"node_config": str(toml)}}


async def filled(client: Client, prompt: str, **arguments: str) -> tuple[str, str]:
    """The text of the first message, and what the second shows."""
    said, shown = (await client.get_prompt(prompt, arguments)).messages
    assert isinstance(said.content, TextContent)
    if isinstance(shown.content, EmbeddedResource):
        assert isinstance(shown.content.resource, TextResourceContents)
        return said.content.text, shown.content.resource.text
    assert isinstance(shown.content, TextContent)
    return said.content.text, shown.content.text


async def completed(client: Client, prompt: str, argument: str, value: str) -> list[str]:
    asked = {"name": argument, "value": value}
    return (await client.complete(PromptReference(name=prompt), asked)).completion.values


@eras
async def test_a_memory_is_put_before_the_model_with_its_uri(
    server: RunningServer, issuer: Issuer, era: str
):
    async with server.client(era, token=issuer.token(sub=era)) as client:
        assert [prompt.name for prompt in (await client.list_prompts()).prompts] == ALL
        for name in ("plan", "plant", "other"):
            await client.call_tool("remember", {"name": name, "text": f"text of {name}"})
        assert await completed(client, "summarize_memory", "name", "pla") == ["plan", "plant"]
        said, shown = await filled(client, "summarize_memory", name="plan")
        assert "Summarize the text below" in said
        assert shown == "text of plan"
        message = (await client.get_prompt("summarize_memory", {"name": "plan"})).messages[1]
        assert isinstance(message.content, EmbeddedResource)
        assert message.content.resource.uri == memory_uri("plan")
    async with server.client(era, token=issuer.token(sub="eve")) as client:
        assert await completed(client, "summarize_memory", "name", "pla") == []
        with pytest.raises(MCPError, match="Unknown resource"):
            await filled(client, "summarize_memory", name="plan")


@eras
async def test_peers_are_completed_and_asked(server: RunningServer, era: str):
    async with server.client(era) as client:
        assert await completed(client, "check_peers", "peer", "/dns4") == [PEERS[1]]
        said, shown = await filled(client, "check_peers", peer=PEERS[1])
        assert f"whether the peer {PEERS[1]} answers" in said
        assert json.loads(shown) == [
            {"address": peer, "answer": None, "proven": False} for peer in PEERS
        ]
        with pytest.raises(MCPError, match="has no peer"):
            await filled(client, "check_peers", peer="10.0.0.1:22")


@eras
async def test_a_section_of_the_configuration_is_completed_and_shown(
    server: RunningServer, era: str
):
    async with server.client(era) as client:
        assert await completed(client, "explain_configuration", "section", "p") == [
            *("protocol", "parts")
        ]
        _, shown = await filled(client, "explain_configuration", section="protocol")
        assert list(json.loads(shown)) == ["protocol"]
        _, shown = await filled(client, "explain_configuration")
        assert {"protocol", "auth", "limits"} < set(json.loads(shown))
        with pytest.raises(MCPError, match="no section database"):
            await filled(client, "explain_configuration", section="database")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({}, "needs the argument name"),
        ({"name": ""}, "needs the argument name"),
        ({"name": "a", "other": "b"}, "no argument other"),
        ({"name": "a" * 201}, "name is longer than 200 characters"),
        ({"name": "never written"}, "Unknown resource"),
    ],
)
async def test_wrong_arguments_are_refused(
    server: RunningServer, arguments: dict[str, str], said: str
):
    async with server.client() as client:
        with pytest.raises(MCPError, match=said):
            await client.get_prompt("summarize_memory", arguments)


async def test_unknown_prompts_and_arguments_are_refused(server: RunningServer):
    async with server.client() as client:
        with pytest.raises(MCPError, match="Unknown prompt: nothing"):
            await client.get_prompt("nothing")
        with pytest.raises(MCPError, match="no argument other"):
            await completed(client, "check_peers", "other", "")


async def test_prompts_are_counted_and_logged_by_name(server: RunningServer, issuer: Issuer):
    before = server.metric("mcp_prompt_requests_total", prompt="summarize_memory")
    async with server.client(token=issuer.token(sub="counted")) as client:
        with pytest.raises(MCPError):
            await client.get_prompt("summarize_memory", {"name": "unwritten words"})
    assert server.metric("mcp_prompt_requests_total", prompt="summarize_memory") == before + 1
    assert server.metric("mcp_prompt_errors_total", prompt="summarize_memory") >= 1
    assert "summarize_memory" in [line.get("prompt") for line in server.events("request")]
    assert "unwritten words" not in server.log_file.read_text()


async def test_prompts_of_other_servers_are_listed_beside_the_own_ones(
    server: RunningServer, tmp_path: Path, issuer: Issuer
):
    behind = [{"name": "mono", "url": f"{server.base}/mcp"}]
    role = {"role": "config"}
    with serving(tmp_path, issuer, server=role, tool_servers=behind) as front:
        async with front.client() as client:
            names = [prompt.name for prompt in (await client.list_prompts()).prompts]
            assert names == [*(f"mono__{name}" for name in ALL), "explain_configuration"]
            _, shown = await filled(client, "mono__explain_configuration", section="server")
            assert json.loads(shown)["server"]["role"] == "monolith"
            _, shown = await filled(client, "explain_configuration", section="server")
            assert json.loads(shown)["server"]["role"] == "config"
            asked = "mono__check_peers"
            assert await completed(client, asked, "peer", "127") == [PEERS[0]]
        assert front.metric("mcp_prompt_requests_total", prompt="mono") == 1


def test_every_role_says_which_prompts_it_has():
    assert set(ROLE_PROMPTS) == set(Role)


@pytest.mark.parametrize("era", ["auto", "legacy"])  # `auto` asks for capabilities
async def test_a_role_without_prompts_does_not_claim_to_have_them(
    tmp_path: Path, issuer: Issuer, era: str
):
    with serving(tmp_path, issuer, server={"role": "tools"}) as tools:
        async with tools.client(era) as client:
            assert client.server_capabilities.prompts is None
            assert client.server_capabilities.completions is None
            resources = client.server_capabilities.resources
            assert resources is not None
            # Legacy clients would subscribe with a method that is not served.
            assert resources.subscribe is (era == "auto")
