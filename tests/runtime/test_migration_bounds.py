"""The migration against a real PostgreSQL: which databases it refuses, and how long it may take."""

from __future__ import annotations

import threading
from collections.abc import Generator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

import psycopg
import pytest

from runtime import schema
from runtime.config import DatabaseSection, MigrationConfig
from runtime.toml_config import StartError
from tests.harness.postgres import DATABASE, HOW_TO_GET, Postgres, binaries, postgres, standby
from tests.harness.server import until

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(binaries() is None, reason=HOW_TO_GET),
]


@pytest.fixture(scope="module")
def primary() -> Generator[Postgres]:
    with postgres() as server:
        yield server


@pytest.fixture
def database(primary: Postgres) -> Postgres:
    """The primary with an empty schema."""
    with primary.connect() as connection:
        connection.execute("DROP SCHEMA public CASCADE; CREATE SCHEMA public")
    return primary


def migrate(server: Postgres) -> str:
    section = DatabaseSection.model_validate(server.section())
    return schema.migrate(MigrationConfig(database=section), wait_seconds=5)


def tables(server: Postgres) -> list[tuple[object, ...]]:
    with server.connect() as connection:
        return connection.execute(
            "SELECT tablename FROM pg_tables WHERE schemaname = 'public' ORDER BY 1"
        ).fetchall()


@contextmanager
def setting(server: Postgres, name: str, value: str) -> Generator[None]:
    def alter(change: str) -> None:
        with server.connect("postgres") as connection:
            connection.autocommit = True
            connection.execute(f"ALTER DATABASE {DATABASE} {change}".encode())

    alter(f"SET {name} = '{value}'")
    try:
        yield
    finally:
        alter(f"RESET {name}")


def test_a_standby_is_refused_and_migrated_once_it_is_promoted(database: Postgres):
    with standby(database) as copy:
        with pytest.raises(StartError, match="is a standby or is being restored") as refused:
            migrate(copy)
        assert "nothing was changed" in str(refused.value)
        with copy.connect() as connection:
            connection.execute("SELECT pg_promote()")
        until(lambda: _promoted(copy), within_seconds=20)
        assert "migrated from version 0" in migrate(copy)
    assert tables(database) == []


def _promoted(server: Postgres) -> bool:
    with server.connect() as connection:
        return connection.execute("SELECT pg_is_in_recovery()").fetchone() == (False,)


def test_a_restored_copy_of_the_live_database_is_refused(database: Postgres):
    with setting(database, schema.RESTORED_COPY, "on"):
        with pytest.raises(StartError, match="is a restored copy of the live database"):
            migrate(database)
        assert tables(database) == []
    assert "migrated from version 0" in migrate(database)


def test_a_database_that_accepts_reads_only_is_refused(database: Postgres):
    with (
        setting(database, "default_transaction_read_only", "on"),
        pytest.raises(StartError, match="accepts reads only"),
    ):
        migrate(database)
    assert tables(database) == []


def test_migrations_that_start_together_apply_each_change_once(database: Postgres):
    with ThreadPoolExecutor(4) as together:
        answers = [*together.map(migrate, [database] * 4)]
    assert sum("migrated from version 0" in answer for answer in answers) == 1
    assert sum("nothing to do" in answer for answer in answers) == 3
    with database.connect() as connection:
        rows = connection.execute("SELECT version FROM schema_versions ORDER BY 1").fetchall()
    assert rows == [(version,) for version in range(1, len(schema.CHANGES) + 1)]


@pytest.mark.parametrize("change", ["ALTER TABLE memories ADD note text", "SELECT pg_sleep(60)"])
def test_a_change_that_takes_too_long_is_undone_and_succeeds_later(
    database: Postgres, monkeypatch: pytest.MonkeyPatch, change: str
):
    migrate(database)
    before = tables(database)
    later = (*schema.CHANGES, ("first", "CREATE TABLE later (id integer)"), ("second", change))
    monkeypatch.setattr(schema, "CHANGES", later)
    monkeypatch.setattr(schema, "LOCK_SECONDS", 1)
    monkeypatch.setattr(schema, "CHANGE_SECONDS", 2)
    # A call that reads the table: its change waits for it, the long statement does not.
    with database.connect() as busy:
        busy.execute("SELECT * FROM memories")
        with pytest.raises(StartError, match="changed nothing: canceling statement due to"):
            migrate(database)
    assert tables(database) == before
    if "sleep" not in change:
        assert "migrated from version" in migrate(database)


def test_a_killed_migration_changes_nothing_and_the_next_one_succeeds(
    database: Postgres, monkeypatch: pytest.MonkeyPatch
):
    stopped = ("stopped here", "CREATE TABLE partly (id integer); SELECT pg_sleep(60)")
    released = schema.CHANGES
    monkeypatch.setattr(schema, "CHANGES", (*released, stopped))
    failures: list[Any] = []

    def run() -> None:
        with pytest.raises((StartError, psycopg.Error)) as failed:
            migrate(database)
        failures.append(failed.value)

    running = threading.Thread(target=run)
    running.start()
    until(lambda: _end_sleeping(database), within_seconds=20)
    running.join(timeout=20)
    assert len(failures) == 1
    assert tables(database) == []
    monkeypatch.setattr(schema, "CHANGES", released)
    assert f"migrated from version 0 to {len(released)}" in migrate(database)


def _end_sleeping(server: Postgres) -> bool:
    """End the session that sleeps; whether there was one."""
    with server.connect("postgres") as connection:
        found = connection.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
            "WHERE query LIKE '%pg_sleep(60)%' AND pid <> pg_backend_pid() AND state = 'active'"
        ).fetchall()
    return bool(found)
