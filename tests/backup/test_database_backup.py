"""A backup of a real PostgreSQL in a real S3 server is restored identically."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Generator
from datetime import UTC, datetime

import psycopg
import pytest

from runtime.backup_errors import Status
from tests.harness.backups import DATABASE, OWNER, PASSWORD, BackedUp
from tests.harness.postgres import HOW_TO_GET, binaries
from tests.harness.s3_server import HOW_TO_GET as HOW_TO_GET_S3
from tests.harness.s3_server import installed

pytest.importorskip("obstore", reason="obstore is not installed: call make setup")
pytestmark = [
    pytest.mark.skipif(binaries() is None, reason=HOW_TO_GET),
    pytest.mark.skipif(not installed(), reason=HOW_TO_GET_S3),
    pytest.mark.xdist_group("backups"),
]


def test_a_dropped_table_is_restored_beside_with_identical_rows(
    backed_up: BackedUp, capsys: pytest.CaptureFixture[str]
):
    before = backed_up.rows()
    with backed_up.connect() as connection:
        connection.execute("DROP TABLE memories")
    dropped = time.monotonic()
    done = backed_up.restore("--database", "restored")
    assert done.status == 0, done.errors
    recovery = time.monotonic() - dropped
    assert backed_up.rows("restored") == before
    assert len(before) == 2000
    with capsys.disabled():
        print(f"\npg_dump: {done.output.strip()}; measured outside: {recovery:.1f} s")
    with backed_up.connect() as connection:  # the live database is as it was
        assert connection.execute("SELECT to_regclass('memories')").fetchone() == (None,)
    with clients(backed_up):
        replaced = backed_up.restore("--database", "second", "--replace")
    assert replaced.status == 0, replaced.errors
    assert backed_up.rows() == before
    with backed_up.connect() as connection:
        copy = "SELECT current_setting('qudag_mcp.restored_copy', true)"
        assert connection.execute(copy).fetchone() == (None,)
    old = next(name for name in backed_up.databases() if name.startswith(f"{DATABASE}_before_"))
    assert old in replaced.output
    with backed_up.server.connect("postgres") as connection:
        connection.autocommit = True
        connection.execute("DROP DATABASE restored")


@contextlib.contextmanager
def clients(database: BackedUp) -> Generator[None]:
    """Two roles that connect again whenever their connection ends, as pools do."""
    stop = threading.Event()

    def connect(user: str) -> None:
        while not stop.is_set():
            with (
                contextlib.suppress(psycopg.Error),
                psycopg.connect(
                    host="127.0.0.1",
                    port=database.server.port,
                    dbname=DATABASE,
                    user=user,
                    password=PASSWORD,
                ) as connection,
            ):
                while not stop.wait(0.01):
                    connection.execute("SELECT 1")

    threads = [
        threading.Thread(target=connect, args=(user,)) for user in (OWNER, f"{OWNER}_backup")
    ]
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        stop.set()
        for thread in threads:
            thread.join()


def test_a_restored_copy_is_not_migrated(backed_up: BackedUp):
    assert backed_up.restore("--database", "a_copy").status == 0
    with backed_up.connect("a_copy") as connection:
        row = connection.execute("SELECT current_setting('qudag_mcp.restored_copy')").fetchone()
        assert row == ("on",)


def test_the_restored_tables_belong_to_the_owner_of_the_platform(backed_up: BackedUp):
    assert backed_up.restore("--database", "owned").status == 0
    with backed_up.connect("owned") as connection:
        owners = connection.execute(
            "SELECT DISTINCT tableowner FROM pg_tables WHERE schemaname = 'public'"
        ).fetchall()
        assert owners == [("platform",)]
        connection.execute("INSERT INTO memories (owner, name, text) VALUES ('a', 'b', 'c')")


def test_the_role_of_the_backup_may_only_read(backed_up: BackedUp):
    with psycopg.connect(
        host="127.0.0.1",
        port=backed_up.server.port,
        dbname=DATABASE,
        user=f"{OWNER}_backup",
        password=PASSWORD,
        autocommit=True,
    ) as connection:
        for statement in (
            "INSERT INTO memories (owner, name, text) VALUES ('a', 'b', 'c')",
            "DELETE FROM memories",
            "DROP TABLE memories",
            "CREATE DATABASE other",
            "CREATE TABLE other (a int)",
        ):
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                connection.execute(statement.encode())


def test_the_drill_compares_drops_and_records(backed_up: BackedUp):
    there = backed_up.databases()
    done = backed_up.restore("--drill")
    assert done.status == 0, done.errors
    assert done.output.startswith("restore drill passed: ")
    assert backed_up.databases() == there
    kind, outcome, age, seconds = backed_up.results()[0]
    assert (kind, outcome) == ("drill", "passed")
    assert 0 < age < 60
    assert 0 < seconds < 60
    assert any(row[:2] == ("backup", "stored") for row in backed_up.results())


def test_rows_written_during_the_dump_are_in_neither_the_dump_nor_the_manifest(
    backed_up: BackedUp,
):
    stop = threading.Event()

    def write() -> None:
        with backed_up.connect() as connection:
            number = 0
            while not stop.is_set():
                number += 1
                connection.execute(
                    "INSERT INTO memories (owner, name, text) VALUES ('busy', %s, 'x')",
                    (str(number),),
                )
                connection.commit()

    writer = threading.Thread(target=write)
    writer.start()
    try:
        assert backed_up.backup().status == 0
        done = backed_up.restore("--drill")
    finally:
        stop.set()
        writer.join()
    assert done.status == 0, done.errors


def test_a_time_chooses_the_newest_backup_before_it(backed_up: BackedUp):
    first = backed_up.rows()
    time.sleep(1.1)  # names of backups have whole seconds
    between = datetime.now(UTC).isoformat()
    with backed_up.connect() as connection:
        connection.execute("DELETE FROM memories WHERE owner = 'user-1'")
    assert backed_up.backup().status == 0
    assert backed_up.restore("--before", between, "--database", "earlier").status == 0
    assert backed_up.rows("earlier") == first
    assert backed_up.restore("--database", "newest").status == 0
    assert backed_up.rows("newest") == backed_up.rows()
    none = backed_up.restore("--before", "2020-01-01T00:00:00Z")
    assert none.status == Status.MISSING
    assert "there is no backup from before 2020-01-01T00:00:00+00:00" in none.errors
    listed = backed_up.restore("--list")
    assert listed.output.count("tables") == 2
