"""Resources of the reference server, read by the official client from a real process."""

from __future__ import annotations

import json
from collections.abc import Generator
from pathlib import Path
from typing import Any

import anyio
import pytest
from mcp import Client, MCPError
from mcp.client.subscriptions import ResourcesListChanged, ResourceUpdated
from mcp_types import ResourceTemplateReference, TextResourceContents

from runtime.config import Config
from runtime.dependencies import Dependencies
from runtime.mcp_resources import (
    MEMORIES,
    PAGE_SIZE,
    ROLE_RESOURCES,
    OwnResources,
    memory_name,
    memory_uri,
)
from runtime.server_config import Role
from tests.harness.postgres import HOW_TO_GET, Postgres, binaries, postgres
from tests.harness.server import (
    ERAS,
    MODERN,
    RunningServer,
    modern_request,
    run_program,
    serving,
    settings,
    write_config,
)
from tests.harness.tokens import Issuer

from .test_qudag_stand_in import node_toml

eras = pytest.mark.parametrize("era", ERAS)
with_database = pytest.mark.skipif(binaries() is None, reason=HOW_TO_GET)
PASSWORD = "a-password-of-the-database"


async def read(client: Client, uri: str) -> str:
    found = (await client.read_resource(uri)).contents[0]
    assert isinstance(found, TextResourceContents)
    assert found.uri == uri
    return found.text


async def uris(client: Client) -> list[str]:
    """Those of all pages."""
    found: list[str] = []
    cursor: str | None = None
    while True:
        page = await client.list_resources(cursor=cursor)
        found += [resource.uri for resource in page.resources]
        cursor = page.next_cursor
        if cursor is None:
            return found


@pytest.fixture(scope="module")
def database() -> Generator[Postgres]:
    with postgres() as server:
        yield server


@pytest.fixture(scope="module")
def state(servers_directory: Path, issuer: Issuer, database: Postgres) -> Generator[RunningServer]:
    section = database.section()
    config = write_config(servers_directory, settings(issuer, database=section))
    assert run_program("migrate", "--config", config).status == 0
    protocol = {"longest_tool_seconds": 60, "drain_seconds": 65}  # also the age of a stream
    parts: dict[str, Any] = {"database": section, "protocol": protocol}
    with serving(servers_directory, issuer, server={"role": "state"}, **parts) as server:
        yield server


@eras
async def test_a_server_shows_its_configuration_and_no_secret_of_it(
    tmp_path: Path, issuer: Issuer, era: str
):
    (tmp_path / "password").write_text(PASSWORD)
    parts: dict[str, Any] = {
        "database": {
            **{"host": "db.internal", "name": "names", "user": "somebody"},
            "password_file": str(tmp_path / "password"),
        },
        "auth": settings(issuer)["auth"] | {"required_scopes": ["mcp.use"]},
    }
    with serving(tmp_path, issuer, server={"role": "config"}, **parts) as server:
        async with server.client(era, token=issuer.token(scope="mcp.use")) as client:
            assert await uris(client) == ["config://server"]
            text = await read(client, "config://server")
    shown = json.loads(text)
    assert shown["server"]["role"] == "config"
    assert shown["auth"]["required_scopes"] == ["mcp.use"]
    assert shown["parts"] == {"database": True, "cache": False, "node": False} | {
        "session_store": None
    }
    secret = (PASSWORD, "db.internal", "somebody", "names", str(tmp_path), str(issuer.jwks_file))
    assert [word for word in secret if word in text] == []


@with_database
@eras
async def test_a_memory_is_listed_and_read_by_its_owner_only(
    state: RunningServer, issuer: Issuer, era: str
):
    name, mine, hers = f"plän/a b {era}", issuer.token(sub=f"ada {era}"), issuer.token(sub="eve")
    uri = memory_uri(name)
    async with state.client(era, token=mine) as client:
        await client.call_tool("remember", {"name": name, "text": "geheim"})
        listed = {one.uri: one for one in (await client.list_resources()).resources}
        assert (listed[uri].name, listed[uri].size) == (name, 6)
        assert await read(client, uri) == "geheim"
        templates = (await client.list_resource_templates()).resource_templates
        assert [one.uri_template for one in templates] == [MEMORIES]
    async with state.client(era, token=hers) as client:
        assert await uris(client) == ["config://server"]
        with pytest.raises(MCPError, match="Unknown resource"):
            await read(client, uri)
        asked = ResourceTemplateReference(uri=MEMORIES)
        completed = await client.complete(asked, {"name": "name", "value": ""})
        assert completed.completion.values == []


@with_database
async def test_many_memories_are_listed_in_pages_without_a_gap(
    state: RunningServer, issuer: Issuer, database: Postgres
):
    names = [f"{number:04}" for number in range(2 * PAGE_SIZE + 1)]
    with database.connect() as connection:
        for name in names:
            connection.execute("INSERT INTO memories VALUES ('many', %s, 'x')", (name,))
    async with state.client(token=issuer.token(sub="many")) as client:
        first = await client.list_resources()
        assert len(first.resources) == 1 + PAGE_SIZE
        assert await uris(client) == ["config://server", *map(memory_uri, names)]
        asked = ResourceTemplateReference(uri=MEMORIES)
        found = (await client.complete(asked, {"name": "name", "value": "01"})).completion
        assert (found.values, found.has_more) == (names[100:200], False)
        found = (await client.complete(asked, {"name": "name", "value": ""})).completion
        assert (found.values, found.has_more) == (names[:100], True)


@with_database
@pytest.mark.parametrize("cursor", ["", "%", "AAAA", "x" * 5000, "_w=="])
async def test_a_cursor_of_another_server_is_refused(state: RunningServer, cursor: str):
    async with state.client() as client:
        with pytest.raises(MCPError, match="cursor is not one of this server"):
            await client.list_resources(cursor=cursor)


@with_database
@pytest.mark.parametrize("name", ["a\0", "\ud800"], ids=["NUL", "half of a pair"])
def test_what_no_name_can_be_has_no_completions_and_no_prompt(state: RunningServer, name: str):
    ref, argument = {"type": "ref/resource", "uri": MEMORIES}, {"name": "name", "value": name}
    completed = state.post_modern("completion/complete", ref=ref, argument=argument)
    assert '"values":[]' in completed.text
    prompt = "summarize_memory"
    body = modern_request("prompts/get", name=prompt, arguments={"name": name})
    filled = state.post(body, version=MODERN, mcp_method="prompts/get", mcp_name=prompt)
    assert "Unknown resource" in filled.text


@with_database
async def test_a_write_is_told_to_the_streams_of_its_owner_only(
    state: RunningServer, issuer: Issuer
):
    mine, hers = issuer.token(sub="writer"), issuer.token(sub="listener")
    uri, other = memory_uri("told"), memory_uri("hers")
    async with (
        state.client(token=mine) as writer,
        state.client(token=mine) as same_user,
        state.client(token=hers) as other_user,
        same_user.listen(resource_subscriptions=[uri], resources_list_changed=True) as own,
        other_user.listen(resource_subscriptions=[uri, other], resources_list_changed=True) as all_,
    ):
        with anyio.fail_after(20):
            await writer.call_tool("remember", {"name": "told", "text": "first"})
            added = [await anext(own), await anext(own)]
            await writer.call_tool("remember", {"name": "told", "text": "second"})
            changed = await anext(own)
            await other_user.call_tool("remember", {"name": "hers", "text": "hers"})
            heard = [await anext(all_), await anext(all_)]
    assert (added, changed) == ([ResourcesListChanged(), ResourceUpdated(uri)], added[1])
    assert heard == [ResourcesListChanged(), ResourceUpdated(other)]


@with_database
async def test_names_of_memories_are_in_no_log_and_no_metric(state: RunningServer, issuer: Issuer):
    before = state.metric("mcp_resource_requests_total", resource=MEMORIES)
    failed = state.metric("mcp_resource_errors_total", resource=MEMORIES)
    async with state.client(token=issuer.token(sub="quiet")) as client:
        await client.call_tool("remember", {"name": "diagnosis", "text": "private words"})
        await read(client, memory_uri("diagnosis"))
        with pytest.raises(MCPError, match="Unknown resource"):
            await read(client, memory_uri("diagnosis of another"))
    logged = [line.get("resource") for line in state.events("request")]
    assert MEMORIES in logged
    assert "diagnosis" not in state.log_file.read_text()
    assert "private words" not in state.log_file.read_text()
    assert state.metric("mcp_resource_requests_total", resource=MEMORIES) == before + 2
    assert state.metric("mcp_resource_errors_total", resource=MEMORIES) == failed + 1


@pytest.mark.slow
async def test_without_an_answer_of_the_database_the_rest_is_listed(tmp_path: Path, issuer: Issuer):
    absent = {"host": "127.0.0.1", "port": 1, "name": "n", "user": "u"}
    with serving(tmp_path, issuer, server={"role": "state"}, database=absent) as server:
        async with server.client() as client:
            assert await uris(client) == ["config://server"]
            with pytest.raises(MCPError, match="database does not answer"):
                await read(client, memory_uri("anything"))


@eras
async def test_a_node_shows_its_key_and_its_peers(tmp_path: Path, issuer: Issuer, era: str):
    toml = node_toml(tmp_path, network={"peers": ["127.0.0.1:1"]})
    qudag = {"node_config": str(toml)}
    with serving(tmp_path, issuer, server={"role": "qudag"}, qudag=qudag) as server:
        async with server.client(era) as client:
            assert await uris(client) == ["config://server", "node://identity", "node://peers"]
            identity = json.loads(await read(client, "node://identity"))
            peers = json.loads(await read(client, "node://peers"))
    assert (identity["id"], identity["stand_in"]) == ("node-0", True)
    assert peers == [{"address": "127.0.0.1:1", "answer": None, "proven": False}]
    pem = (tmp_path / "keys/node.pem").read_text().split("\n")[1]
    assert pem not in json.dumps(identity)


@pytest.mark.parametrize("era", ["auto", "legacy"])  # `auto` asks for instructions
async def test_a_server_with_a_node_says_that_there_is_no_dag(
    tmp_path: Path, issuer: Issuer, era: str
):
    qudag = {"node_config": str(node_toml(tmp_path))}
    with serving(tmp_path, issuer, server={"role": "qudag"}, qudag=qudag) as server:
        async with server.client(era) as client:
            assert "There is no DAG and no consensus" in (client.instructions or "")


@with_database
@eras
async def test_resources_of_other_servers_are_listed_beside_the_own_ones(
    state: RunningServer, tmp_path: Path, issuer: Issuer, era: str
):
    token = issuer.token(sub="through core")
    async with state.client(token=token) as client:
        await client.call_tool("remember", {"name": "shared", "text": "seen from core"})
    behind = [{"name": "state", "url": f"{state.base}/mcp"}]
    with serving(tmp_path, issuer, server={"role": "core"}, tool_servers=behind) as core:
        async with core.client(era, token=token) as client:
            assert await uris(client) == [
                *("state+config://server", f"state+{memory_uri('shared')}"),
                "config://server",
            ]
            assert await read(client, f"state+{memory_uri('shared')}") == "seen from core"
            templates = (await client.list_resource_templates()).resource_templates
            assert [one.uri_template for one in templates] == [f"state+{MEMORIES}"]
        async with core.client(era, token=issuer.token(sub="eve")) as client:
            assert f"state+{memory_uri('shared')}" not in await uris(client)
            with pytest.raises(MCPError, match="Unknown resource"):
                await read(client, f"state+{memory_uri('shared')}")


@pytest.mark.parametrize("name", ["a", "ä/ b", "..", "%41", "{name}", "日" * 200, "a+b?c#d"])
def test_the_uri_of_a_memory_leads_back_to_its_name(name: str):
    assert memory_name(memory_uri(name)) == name


@pytest.mark.parametrize("uri", ["memory:///", "memory://a", "memory:///%FF", "memory:///%00", ""])
def test_what_is_no_uri_of_a_memory_has_no_name(uri: str):
    assert memory_name(uri) is None


BESIDE_OTHERS = {Role.FEDERATION, Role.FRONT}
"""Roles that have nothing of their own."""


def test_every_role_with_tools_of_its_own_shows_its_configuration():
    shown = {role for role, uris in ROLE_RESOURCES.items() if "config://server" in uris}
    assert shown == set(Role) - BESIDE_OTHERS
    assert set(ROLE_RESOURCES) == set(Role)


def test_resources_without_their_config_section_are_not_offered(issuer: Issuer):
    for role in set(Role) - {Role.FRONT}:
        config = Config.model_validate(settings(issuer, server={"role": str(role)}))
        offered = OwnResources(config, Dependencies()).uris
        assert offered == ([] if role in BESIDE_OTHERS else ["config://server"])
