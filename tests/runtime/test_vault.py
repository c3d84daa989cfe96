"""The vault's tools on a real PostgreSQL: values are encrypted there, and are their user's."""

from __future__ import annotations

import secrets
from collections.abc import Generator
from pathlib import Path
from typing import Any

import anyio
import pytest
from mcp import Client

from runtime.vault_table import MOST_ENTRIES
from tests.harness.postgres import HOW_TO_GET, Postgres, binaries, postgres
from tests.harness.server import (
    ERAS,
    RunningServer,
    fetch,
    run_program,
    serving,
    settings,
    text_of,
    write_config,
)
from tests.harness.tokens import Issuer

pytestmark = [pytest.mark.slow, pytest.mark.skipif(binaries() is None, reason=HOW_TO_GET)]
eras = pytest.mark.parametrize("era", ERAS)
VALUE = "correct horse battery staple"


@pytest.fixture(scope="module")
def database() -> Generator[Postgres]:
    with postgres() as server:
        yield server


@pytest.fixture(scope="module")
def server(servers_directory: Path, issuer: Issuer, database: Postgres) -> Generator[RunningServer]:
    master = servers_directory / "master-of-vault"
    master.write_text(secrets.token_urlsafe(32))
    parts: dict[str, Any] = {
        "server": {"role": "qudag"},
        "database": database.section(),
        "vault": {"master_key_file": str(master)},
    }
    config = write_config(servers_directory, settings(issuer, **parts))
    assert run_program("migrate", "--config", config).status == 0
    with serving(servers_directory, issuer, **parts) as running:
        yield running


async def called(client: Client, tool: str, **arguments: str) -> tuple[bool, str]:
    result = await client.call_tool(tool, arguments)
    return bool(result.is_error), text_of(result)


@eras
async def test_a_value_is_kept_replaced_listed_and_deleted(
    server: RunningServer, issuer: Issuer, era: str
):
    async with server.client(era, token=issuer.token(sub=f"keeper {era}")) as client:
        assert await called(client, "vault_write", name="b", value="first") == (False, "kept b")
        assert await called(client, "vault_write", name="b", value=VALUE) == (False, "kept b")
        await called(client, "vault_write", name="a", value="x")
        assert await called(client, "vault_read", name="b") == (False, VALUE)
        listed = await client.call_tool("vault_names", {})
        assert listed.structured_content == {"result": ["a", "b"]}
        assert await called(client, "vault_delete", name="b") == (False, "deleted b")
        for tool in ("vault_read", "vault_delete"):
            failed, text = await called(client, tool, name="b")
            assert (failed, "the vault has nothing under b" in text) == (True, True)


async def test_another_user_sees_nothing_of_an_entry(server: RunningServer, issuer: Issuer):
    async with (
        server.client(token=issuer.token(sub="ada")) as ada,
        server.client(token=issuer.token(sub="eve")) as eve,
    ):
        await called(ada, "vault_write", name="bank", value=VALUE)
        for tool in ("vault_read", "vault_delete"):
            failed, text = await called(eve, tool, name="bank")
            assert failed
            assert "nothing under bank" in text
        assert (await eve.call_tool("vault_names", {})).structured_content == {"result": []}
        await called(eve, "vault_write", name="bank", value="hers")
        assert await called(ada, "vault_read", name="bank") == (False, VALUE)


async def test_the_database_has_no_value_in_the_clear_and_a_moved_row_is_refused(
    server: RunningServer, issuer: Issuer, database: Postgres
):
    async with server.client(token=issuer.token(sub="mover")) as client:
        await called(client, "vault_write", name="one", value=VALUE)
        with database.connect() as connection:
            rows = connection.execute("SELECT * FROM vault_entries WHERE owner = 'mover'")
            row: tuple[Any, ...] = rows.fetchall()[0]
            assert VALUE.encode() not in bytes(row[2])
            assert VALUE not in str(row)
            connection.execute("INSERT INTO vault_entries VALUES ('mover', 'two', %s)", (row[2],))
            connection.execute("INSERT INTO vault_entries VALUES ('thief', 'one', %s)", (row[2],))
        failed, text = await called(client, "vault_read", name="two")
        assert (failed, "another key, or is damaged" in text) == (True, True)
    async with server.client(token=issuer.token(sub="thief")) as client:
        failed, text = await called(client, "vault_read", name="one")
        assert (failed, "another key, or is damaged" in text) == (True, True)


async def test_values_are_in_no_log_and_no_metric(server: RunningServer, issuer: Issuer):
    async with server.client(token=issuer.token(sub="quiet")) as client:
        await called(client, "vault_write", name="silent name", value="silent value")
        await called(client, "vault_read", name="silent name")
        await called(client, "vault_write", name="x" * 201, value="silent value")
    shown = server.log_file.read_text() + fetch(server.metrics_url).text
    assert "vault_read" in shown
    assert "silent" not in shown


SLOW_INSERTS = """
CREATE FUNCTION take_a_while() RETURNS trigger LANGUAGE plpgsql
AS 'BEGIN PERFORM pg_sleep(0.2); RETURN NEW; END';
CREATE TRIGGER slow BEFORE INSERT ON vault_entries FOR EACH ROW
WHEN (NEW.owner = 'collector' AND NEW.encrypted <> '') EXECUTE FUNCTION take_a_while();
"""
"""Between the count of entries and the end of an insert there is time for other calls."""


async def test_the_quota_of_entries_holds_for_calls_at_the_same_time(
    server: RunningServer, issuer: Issuer, database: Postgres
):
    with database.connect() as connection:
        connection.execute(SLOW_INSERTS)
        for number in range(MOST_ENTRIES - 2):
            row = ("collector", f"{number}", b"")
            connection.execute("INSERT INTO vault_entries VALUES (%s, %s, %s)", row)
    results: list[tuple[bool, str]] = []
    async with (
        server.client(token=issuer.token(sub="collector")) as client,
        anyio.create_task_group() as tasks,
    ):

        async def write(number: int) -> None:
            results.append(await called(client, "vault_write", name=f"new {number}", value="x"))

        for number in range(8):
            tasks.start_soon(write, number)
    refused = [text for failed, text in results if failed]
    assert len(refused) == 6
    assert f"you may keep {MOST_ENTRIES} entries" in refused[0]


async def test_the_vault_is_offered_only_with_its_sections(
    server: RunningServer, tmp_path: Path, issuer: Issuer, database: Postgres
):
    async with server.client("legacy") as client:
        names = [tool.name for tool in (await client.list_tools()).tools]
        assert names == ["echo", "vault_write", "vault_read", "vault_names", "vault_delete"]
        assert "could decrypt them" in (client.instructions or "")
    role = {"role": "qudag"}
    with serving(tmp_path, issuer, server=role, database=database.section()) as without:
        async with without.client("legacy") as client:
            assert [tool.name for tool in (await client.list_tools()).tools] == ["echo"]
            assert "no vault" in (client.instructions or "")
