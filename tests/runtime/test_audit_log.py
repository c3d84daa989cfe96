"""The audit log in a real PostgreSQL: rights, chain, partitions."""

from __future__ import annotations

from collections.abc import Generator
from typing import Any

import anyio
import psycopg
import pytest
from prometheus_client import CollectorRegistry

from runtime.audit_chain import ChainError
from runtime.audit_config import AuditSection
from runtime.audit_metrics import AuditMetrics
from runtime.audit_row import Row
from runtime.audit_writer import AuditWriter, NotRecordedError
from tests.harness.audit_log import KEEPER, WRITER, AuditLog, with_roles
from tests.harness.postgres import HOW_TO_GET, binaries, postgres

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(binaries() is None, reason=HOW_TO_GET),
]


@pytest.fixture(scope="module")
def log_of_module() -> Generator[AuditLog]:
    with postgres() as database:
        yield with_roles(database)


@pytest.fixture
def log(log_of_module: AuditLog) -> Generator[AuditLog]:
    yield log_of_module
    log_of_module.clear()


def row(number: int, **values: Any) -> Row:
    return Row(event="call", call_id=f"c{number}", server="core", subject="ünï", **values)


def writer_of(log: AuditLog, **settings: Any) -> AuditWriter:
    return AuditWriter(AuditSection(**log.section(**settings)), AuditMetrics(CollectorRegistry()))


async def filled(log: AuditLog, count: int) -> None:
    writer = writer_of(log)
    async with writer.running(), anyio.create_task_group() as tasks:
        for number in range(1, count + 1):
            tasks.start_soon(writer.write, row(number, arguments='{"a": "b\\n"}', status=1))


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE audit.log SET subject = 'other'",
        "UPDATE audit.head SET seq = 0",
        "DELETE FROM audit.log",
        "DELETE FROM audit.head",
        "TRUNCATE audit.log",
        "TRUNCATE audit.head",
        "ALTER TABLE audit.log DISABLE TRIGGER ALL",
        "ALTER TABLE audit.log ADD COLUMN more text",
        "ALTER TABLE audit.log OWNER TO qudag_audit",
        "DROP TABLE audit.log",
        "DROP SCHEMA audit CASCADE",
        "DROP FUNCTION audit.chained() CASCADE",
        "CREATE TABLE audit.more (a text)",
        "CREATE OR REPLACE FUNCTION audit.chained() RETURNS trigger LANGUAGE sql AS ''",
        "INSERT INTO audit.log (event, call_id, server, seq) VALUES ('call', 'c', 's', 9)",
        "INSERT INTO audit.log (event, call_id, server, at) VALUES ('call', 'c', 's', now())",
        "INSERT INTO audit.log (event, call_id, server, hash) VALUES ('call', 'c', 's', 'h')",
        "INSERT INTO audit.log (event, call_id, server, previous) VALUES ('call', 'c', 's', 'h')",
        "INSERT INTO audit.head (seq, hash) VALUES (9, 'h')",
        "SELECT subject FROM audit.log",
        "SELECT * FROM audit.head",
        "UPDATE audit.results SET passed = true",
        "SELECT * FROM audit.exports",
        "DELETE FROM audit.exports",
        "INSERT INTO audit.results (kind, passed) VALUES ('verified', true)",
        "SELECT audit.hash_of(NULL)",
        "SET ROLE qudag_audit_keeper",
        "SET session_replication_role = replica",
        "COPY audit.log TO STDOUT",
        "BEGIN; LOCK TABLE audit.log IN ACCESS EXCLUSIVE MODE",
    ],
)
def test_the_writer_may_insert_and_nothing_else(log_of_module: AuditLog, statement: str):
    refused = pytest.raises(psycopg.errors.InsufficientPrivilege)
    with log_of_module.connect(WRITER) as connection, refused:
        connection.execute(statement.encode())


@pytest.mark.parametrize("table", ["audit.log", "ONLY audit.log", "the partition"])
@pytest.mark.parametrize("statement", ["UPDATE {} SET subject = 'x'", "DELETE FROM {}"])
async def test_the_owner_cannot_change_rows_either(log: AuditLog, statement: str, table: str):
    await filled(log, 1)
    with log.connect() as connection:
        name = connection.execute("SELECT tableoid::regclass::text FROM audit.log").fetchone()
        assert name is not None
        told = statement.format(name[0] if table == "the partition" else table)
        if table.startswith("ONLY"):  # a partitioned table has no rows of its own
            assert connection.execute(told.encode()).rowcount == 0
            return
        with pytest.raises(psycopg.errors.RaiseException, match="append-only"):
            connection.execute(told.encode())
        with pytest.raises(psycopg.errors.RaiseException, match="append-only"):
            connection.execute("TRUNCATE audit.log")


async def test_rows_of_writers_at_the_same_time_are_one_chain(log: AuditLog):
    writers = [writer_of(log) for _ in range(4)]

    async def write(writer: AuditWriter, first: int) -> None:
        async with writer.running(), anyio.create_task_group() as tasks:
            for number in range(first, first + 250):
                tasks.start_soon(writer.write, row(number))

    async with anyio.create_task_group() as tasks:
        for number, writer in enumerate(writers):
            tasks.start_soon(write, writer, 250 * number)
    heads = dict(writer.last for writer in writers if writer.last)
    assert len(heads) == 4
    assert log.keeper().verify(heads).startswith("1000 rows, from 1 to 1000;")


async def test_a_row_that_is_written_again_is_one_row(log: AuditLog):
    await filled(log, 3)
    await filled(log, 4)
    assert log.rows("seq, call_id") == [
        (1, log.rows("call_id")[0][0]),
        *log.rows("seq, call_id")[1:],
    ]
    assert sorted(call for (call,) in log.rows("call_id")) == ["c1", "c2", "c3", "c4"]
    assert log.keeper().verify({}).startswith("4 rows")


@pytest.mark.parametrize(
    ("damage", "words"),
    [
        (["DELETE FROM audit.log WHERE seq = 2"], "row 2 is missing"),
        (["UPDATE audit.log SET subject = 'x' WHERE seq = 2"], "row 2 was changed"),
        (
            ["UPDATE audit.log SET at = at - interval '1 microsecond' WHERE seq = 2"],
            "row 2 was changed",
        ),
        (
            [
                "UPDATE audit.log SET subject = 'x' WHERE seq = 2",
                "UPDATE audit.log AS l SET hash = audit.hash_of(l) WHERE seq = 2",
            ],
            "row 2 was replaced",
        ),
        (
            [
                "UPDATE audit.log SET seq = 60 - 10 * seq WHERE seq IN (2, 3)",
                "UPDATE audit.log SET seq = CASE seq WHEN 40 THEN 3 ELSE 2 END WHERE seq > 9",
            ],
            "row 1 was replaced",
        ),
        (["DELETE FROM audit.log WHERE seq > 3"], "rows from 4 to 5 are missing at the end"),
        (["DELETE FROM audit.log"], "rows from 1 to 5 are missing at the end"),
        (["DELETE FROM audit.log WHERE seq = 1"], "rows up to 1 are missing"),
        (["DELETE FROM audit.head"], "audit.head has no row"),
    ],
)
async def test_damage_by_somebody_with_all_rights_is_found(
    log: AuditLog, damage: list[str], words: str
):
    await filled(log, 5)
    log.change(*damage)
    with pytest.raises(ChainError, match=words):
        log.keeper().verify({})


async def test_a_cut_end_with_a_changed_head_is_found_by_the_head_in_a_log(log: AuditLog):
    await filled(log, 5)
    named = {int(seq): digest for seq, digest in log.rows("seq, hash", "seq = 5")}
    log.change(
        "DELETE FROM audit.log WHERE seq > 3",
        "UPDATE audit.head SET (seq, hash) = (SELECT seq, hash FROM audit.log WHERE seq = 3)",
    )
    assert log.keeper().verify({}).startswith("3 rows")
    with pytest.raises(ChainError, match="rows from 4 to 5 are missing at the end"):
        log.keeper().verify(named)


def old_month(log: AuditLog, rows: int) -> None:
    """A partition of January 2020 with the first rows of the log."""
    log.change(
        "CREATE TABLE audit.log_2020_01 PARTITION OF audit.log"
        " FOR VALUES FROM ('2020-01-01 00:00+00') TO ('2020-02-01 00:00+00')",
        "ALTER TABLE audit.log_2020_01 OWNER TO qudag_audit_keeper",
        *(
            "INSERT INTO audit.log (seq, at, event, call_id, server, previous, hash)"
            " SELECT seq + 1, '2020-01-15 00:00+00', 'call', 'old' || seq, 's', hash, ''"
            " FROM audit.head;"
            "UPDATE audit.log AS l SET hash = audit.hash_of(l) WHERE hash = '';"
            "UPDATE audit.head SET (seq, hash) ="
            " (SELECT seq, hash FROM audit.log ORDER BY seq DESC LIMIT 1)"
            for _ in range(rows)
        ),
    )


def partitions(log: AuditLog) -> list[str]:
    with log.connect() as connection:
        found = connection.execute(
            "SELECT inhrelid::regclass::text FROM pg_inherits"
            " WHERE inhparent = 'audit.log'::regclass ORDER BY 1"
        )
        return [name for (name,) in found.fetchall()]


async def test_old_partitions_are_dropped_and_the_rest_still_verifies(log: AuditLog):
    old_month(log, 3)
    await filled(log, 2)
    assert "audit.log_2020_01" in partitions(log)
    kept = log.keeper(retention_days=36_500).keep()
    assert [line.partition(";")[0] for line in kept] == [
        "partitions made: 0",
        "verified: 5 rows, from 1 to 5",
    ]
    done = log.keeper(retention_days=30).keep()
    assert done[2].startswith("dropped log_2020_01: 3 rows, from 1 to 3;")
    assert "audit.log_2020_01" not in partitions(log)
    assert log.keeper().verify({}).startswith("3 rows, from 4 to 6;")
    log.change("DELETE FROM audit.log WHERE seq = 4")
    with pytest.raises(ChainError, match="rows up to 4 are missing"):
        log.keeper().verify({})


async def test_nothing_is_dropped_from_a_log_that_is_damaged_elsewhere(log: AuditLog):
    old_month(log, 3)
    await filled(log, 2)
    log.change("DELETE FROM audit.log WHERE seq = 4")
    with pytest.raises(ChainError, match="row 4 is missing"):
        log.keeper(retention_days=30).keep()
    assert "audit.log_2020_01" in partitions(log)


async def test_a_damaged_partition_is_not_dropped(log: AuditLog):
    old_month(log, 3)
    log.change("UPDATE audit.log SET subject = 'x' WHERE seq = 2")
    with pytest.raises(ChainError, match="row 2 was changed"):
        log.keeper(retention_days=30).keep()
    assert "audit.log_2020_01" in partitions(log)


async def test_partitions_are_made_ahead_and_by_a_writer_whose_month_has_none(log: AuditLog):
    assert len(partitions(log)) == 4
    with log.connect() as connection:
        for name in partitions(log):
            connection.execute(f"DROP TABLE {name}".encode())
    await filled(log, 2)
    assert len(partitions(log)) == 1
    assert log.keeper(months_ahead=12).keep()[0] == "partitions made: 12"
    assert len(partitions(log)) == 13
    assert log.keeper().verify({}).startswith("2 rows")


async def test_rows_wait_for_a_database_that_is_away_and_those_over_the_limit_are_lost(
    log: AuditLog,
):
    writer = writer_of(log, most_waiting=5, wait_seconds=0.5)
    async with writer.running():
        log.database.kill()
        for number in range(8):
            writer.later(row(number))
        with pytest.raises(NotRecordedError):
            await writer.write(row(99))
        log.database.start()
    assert writer.lost == 3
    assert sorted(call for (call,) in log.rows("call_id")) == [f"c{n}" for n in range(5)]


async def test_the_end_of_the_process_counts_the_rows_that_are_left(
    log: AuditLog, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr("runtime.audit_writer.LAST_SECONDS", 0.2)
    writer = writer_of(log)
    log.database.kill()
    try:
        async with writer.running():
            for number in range(3):
                writer.later(row(number))
        assert writer.lost == 3
    finally:
        log.database.start()


def test_a_second_migration_changes_nothing(log: AuditLog):
    assert "audit log: already at version 3; nothing to do" in log.migrate()
    assert log.keeper().section.user == KEEPER
