"""`remember`, `recall` and the migration of their table, on a real PostgreSQL."""

from __future__ import annotations

import re
import time
from collections.abc import Generator
from pathlib import Path
from typing import Any

import anyio
import psycopg
import pytest
import tomli_w

from runtime.schema import CHANGES
from tests.harness.postgres import HOW_TO_GET, Postgres, binaries, postgres
from tests.harness.server import (
    ERAS,
    RunningServer,
    free_port,
    run_program,
    serving,
    settings,
    text_of,
    until,
    write_config,
)
from tests.harness.tokens import Issuer

pytestmark = pytest.mark.skipif(binaries() is None, reason=HOW_TO_GET)


@pytest.fixture(scope="module")
def database() -> Generator[Postgres]:
    with postgres() as server:
        yield server


def migrated(directory: Path, issuer: Issuer, section: dict[str, Any], wait: float = 20) -> Any:
    config = write_config(directory, settings(issuer, database=section))
    return run_program("migrate", "--config", config, "--wait-seconds", str(wait))


@pytest.fixture(scope="module")
def server(servers_directory: Path, issuer: Issuer, database: Postgres) -> Generator[RunningServer]:
    assert migrated(servers_directory, issuer, database.section()).status == 0
    with serving(servers_directory, issuer, database=database.section()) as running:
        yield running


def test_migrating_creates_the_schema_and_migrating_again_changes_nothing(
    tmp_path: Path, issuer: Issuer, database: Postgres
):
    with database.connect() as connection:
        connection.execute("DROP SCHEMA public CASCADE; CREATE SCHEMA public")
    first = migrated(tmp_path, issuer, database.section())
    assert (first.status, first.stderr) == (0, "")
    assert f"migrated from version 0 to {len(CHANGES)}" in first.stdout
    second = migrated(tmp_path, issuer, database.section())
    assert second.status == 0
    assert f"already at version {len(CHANGES)}; nothing to do" in second.stdout


@pytest.mark.parametrize("change", ["DELETE FROM", "TRUNCATE", "UPDATE"])
def test_the_table_of_schema_versions_is_append_only(
    server: RunningServer, database: Postgres, change: str
):
    rest = " SET description = 'x'" if change == "UPDATE" else ""
    with (
        pytest.raises(psycopg.errors.RaiseException, match="append-only"),
        database.connect() as connection,
    ):
        connection.execute(f"{change} schema_versions{rest}".encode())


def test_a_schema_of_the_future_is_left_as_it_is(
    tmp_path: Path, issuer: Issuer, server: RunningServer, database: Postgres
):
    with database.connect() as connection:
        connection.execute("INSERT INTO schema_versions VALUES (999, 'from the future')")
    result = migrated(tmp_path, issuer, database.section())
    assert result.status == 0
    assert "newer than this program's" in result.stdout


def test_a_database_that_does_not_answer_is_waited_for_and_named(tmp_path: Path, issuer: Issuer):
    section = {"host": "127.0.0.1", "port": free_port(), "name": "n", "user": "u"}
    started = time.monotonic()
    result = migrated(tmp_path, issuer, section, wait=1)
    assert result.status == 1
    assert 1 <= time.monotonic() - started < 8
    assert re.fullmatch(
        rf"qudag-mcp-server: \S+:{section['port']} did not answer within 1 s: .*refused.*\n",
        result.stderr,
    )


def test_a_wrong_password_is_not_retried(tmp_path: Path, issuer: Issuer, database: Postgres):
    (tmp_path / "password").write_text("wrong")
    section = database.section() | {"password_file": str(tmp_path / "password")}
    result = migrated(tmp_path, issuer, section, wait=30)
    assert result.status == 1
    assert "refuses user qudag" in result.stderr
    assert "wrong" not in result.stderr


def test_without_a_database_there_is_nothing_to_migrate(tmp_path: Path, issuer: Issuer):
    result = run_program("migrate", "--config", write_config(tmp_path, settings(issuer)))
    assert result.status == 1
    assert "no [database] section" in result.stderr


def test_migrate_reads_the_database_section_only(tmp_path: Path, database: Postgres):
    file = tmp_path / "migration.toml"
    file.write_text(tomli_w.dumps({"database": database.section()}))
    result = run_program("migrate", "--config", str(file), "--wait-seconds", "20")
    assert (result.status, result.stderr) == (0, "")


@pytest.mark.parametrize("era", ERAS)
async def test_recall_returns_the_remembered_text(server: RunningServer, era: str):
    async with server.client(era) as client:
        assert not (await client.call_tool("remember", {"name": era, "text": "héllo"})).is_error
        assert not (await client.call_tool("remember", {"name": era, "text": "again"})).is_error
    async with server.client(era) as client:
        assert text_of(await client.call_tool("recall", {"name": era})) == "again"


async def test_memories_are_their_owners_alone(server: RunningServer):
    async with server.client() as client:
        await client.call_tool("remember", {"name": "mine", "text": "secret"})
    async with server.client(token=server.issuer.token(sub="eve")) as client:
        result = await client.call_tool("recall", {"name": "mine"})
    assert result.is_error
    assert "nothing is remembered under mine" in text_of(result)


@pytest.mark.slow
async def test_a_killed_database_loses_nothing_and_takes_nothing_else_down(
    server: RunningServer, database: Postgres
):
    async with server.client() as client:
        await client.call_tool("remember", {"name": "kept", "text": "still here"})
        database.kill()
        result = await client.call_tool("recall", {"name": "kept"})
        assert result.is_error
        assert "does not answer" in text_of(result)
        assert not (await client.call_tool("echo", {"text": "x"})).is_error
        assert server.get("/ready").status_code == 200
        database.start()
        assert text_of(await client.call_tool("recall", {"name": "kept"})) == "still here"


def test_an_unreachable_database_is_reported_and_fails_no_readiness(
    servers_directory: Path, issuer: Issuer
):
    section = {"host": "127.0.0.1", "port": free_port(), "name": "n", "user": "u"}
    with serving(servers_directory, issuer, database=section) as server:
        state = until(lambda: state_of(server) != {"database": "unknown"} and state_of(server))
        assert state == {"database": "unreachable"}
        assert server.metric("mcp_dependency_up", dependency="database") == 0
        assert server.events("dependency")[0]["level"] == "warning"


def state_of(server: RunningServer) -> dict[str, str]:
    return server.get("/ready").json()["dependencies"]


async def said(server: RunningServer, token: str, name: str, text: str) -> tuple[bool, str]:
    async with server.client(token=token) as client:
        result = await client.call_tool("remember", {"name": name, "text": text})
    return bool(result.is_error), text_of(result)


@pytest.mark.parametrize("character", ["\0", "\ud800"], ids=["NUL", "half a surrogate pair"])
@pytest.mark.parametrize("field", ["name", "text"])
def test_characters_that_cannot_be_stored_are_an_error_of_the_caller(
    server: RunningServer, character: str, field: str
):
    given = {"name": "n", "text": "t"} | {field: f"a{character}b"}
    answer = server.post_modern("tools/call", name="remember", arguments=given)
    crashes = server.events("tool_crashed")
    assert answer.status_code in (200, 400)
    assert answer.status_code == 400 or answer.json()["result"]["isError"]
    assert crashes == []


async def test_rows_and_bytes_of_a_user_are_limited(
    tmp_path: Path, issuer: Issuer, server: RunningServer, database: Postgres
):
    quota = {"memories_per_user": 3, "memory_bytes_per_user": 1000}
    with serving(tmp_path, issuer, database=database.section(), limits=quota) as limited:
        rows, size = issuer.token(sub="rows"), issuer.token(sub="size")
        for n in range(3):
            assert not (await said(limited, rows, f"n{n}", "x"))[0]
        refused, why = await said(limited, rows, "n3", "x")
        assert refused
        assert "you may keep 3 texts" in why
        assert not (await said(limited, rows, "n2", "replaced"))[0]
        assert not (await said(limited, size, "a", "ä" * 300))[0]
        assert (await said(limited, size, "b", "ä" * 300))[0], "bytes count, not characters"
        assert not (await said(limited, size, "a", "ä" * 400))[0], "a replaced text does not count"
    with database.connect() as connection:
        kept = connection.execute("SELECT count(*) FROM memories WHERE owner = 'rows'").fetchone()
    assert kept == (3,)


async def test_calls_at_the_same_time_do_not_exceed_the_quota(
    tmp_path: Path, issuer: Issuer, server: RunningServer, database: Postgres
):
    quota = {"memories_per_user": 3}
    with serving(tmp_path, issuer, database=database.section(), limits=quota) as limited:
        token = issuer.token(sub="many")
        async with limited.client(token=token) as client, anyio.create_task_group() as tasks:
            for n in range(12):
                tasks.start_soon(client.call_tool, "remember", {"name": f"n{n}", "text": "x"})
    with database.connect() as connection:
        kept = connection.execute("SELECT count(*) FROM memories WHERE owner = 'many'").fetchone()
    assert kept == (3,)
