"""A backup of a real PostgreSQL in a real S3 server is restored identically, or refused."""

from __future__ import annotations

import contextlib
import json
import threading
import time
from collections.abc import Generator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import botocore.exceptions
import psycopg
import pytest

from runtime import audit_schema
from runtime.backup_errors import Status
from tests.harness.backups import DATABASE, OWNER, PASSWORD, BackedUp
from tests.harness.postgres import HOW_TO_GET, binaries, postgres
from tests.harness.s3_server import (
    BUCKET,
    REGION,
    S3Server,
    installed,
    s3_server,
)
from tests.harness.s3_server import HOW_TO_GET as HOW_TO_GET_S3

pytest.importorskip("obstore", reason="obstore is not installed: call make setup")
pytestmark = [
    pytest.mark.skipif(binaries() is None, reason=HOW_TO_GET),
    pytest.mark.skipif(not installed(), reason=HOW_TO_GET_S3),
    pytest.mark.xdist_group("backups"),
]
ROWS = "SELECT owner, name, text, written_at FROM memories ORDER BY 1, 2"


@pytest.fixture(scope="module")
def bucket(tmp_path_factory: pytest.TempPathFactory) -> Generator[S3Server]:
    with s3_server(tmp_path_factory.mktemp("s3")) as server:
        yield server


@pytest.fixture(scope="module")
def database(bucket: S3Server, tmp_path_factory: pytest.TempPathFactory) -> Generator[BackedUp]:
    access, secret = bucket.keys()
    where = {
        "url": f"s3://{BUCKET}/platform",
        "endpoint": bucket.endpoint,
        "region": REGION,
        "access_key_file": str(access),
        "secret_key_file": str(secret),
    }
    with postgres() as server:
        made = BackedUp(server, tmp_path_factory.mktemp("backup"), where)
        made.prepare()
        yield made


@pytest.fixture
def backed_up(database: BackedUp, request: pytest.FixtureRequest) -> BackedUp:
    """The database with rows and one backup, in a folder of the test's own."""
    database.stack = request.node.name.replace("_", "-").partition("[")[0][-60:].strip("-")
    database.settings = {}
    with database.connect() as connection:
        connection.execute("TRUNCATE memories")
        connection.execute(
            "INSERT INTO memories (owner, name, text) SELECT 'user-' || n % 7, 'note ' || n, "
            "'ü ' || md5(n::text) FROM generate_series(1, 2000) AS n"
        )
    done = database.backup()
    assert done.status == 0, done.errors
    return database


def rows(database: BackedUp, name: str = DATABASE) -> list[Any]:
    with database.connect(name) as connection:
        return connection.execute(ROWS).fetchall()


def results(database: BackedUp) -> list[Any]:
    with database.connect() as connection:
        return connection.execute(
            "SELECT kind, outcome, age_seconds, seconds FROM backup_results ORDER BY at DESC"
        ).fetchall()


def objects(bucket: S3Server, database: BackedUp) -> dict[str, Any]:
    """The key of each object of the newest backup, by its name."""
    listed = bucket.client.list_objects_v2(
        Bucket=BUCKET, Prefix=f"platform/{database.stack}/database/"
    )
    keys = sorted(item["Key"] for item in listed["Contents"])
    return {key.rpartition("/")[2]: key for key in keys}


def test_a_dropped_table_is_restored_beside_with_identical_rows(
    backed_up: BackedUp, capsys: pytest.CaptureFixture[str]
):
    before = rows(backed_up)
    with backed_up.connect() as connection:
        connection.execute("DROP TABLE memories")
    dropped = time.monotonic()
    done = backed_up.restore("--database", "restored")
    assert done.status == 0, done.errors
    recovery = time.monotonic() - dropped
    assert rows(backed_up, "restored") == before
    assert len(before) == 2000
    with capsys.disabled():
        print(f"\npg_dump: {done.output.strip()}; measured outside: {recovery:.1f} s")
    with backed_up.connect() as connection:  # the live database is as it was
        assert connection.execute("SELECT to_regclass('memories')").fetchone() == (None,)
    with clients(backed_up):
        replaced = backed_up.restore("--database", "second", "--replace")
    assert replaced.status == 0, replaced.errors
    assert rows(backed_up) == before
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
    kind, outcome, age, seconds = results(backed_up)[0]
    assert (kind, outcome) == ("drill", "passed")
    assert 0 < age < 60
    assert 0 < seconds < 60
    assert any(row[:2] == ("backup", "stored") for row in results(backed_up))


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


def test_a_damaged_backup_is_refused(backed_up: BackedUp, bucket: S3Server):
    there = backed_up.databases()
    key = objects(bucket, backed_up)["database.dump"]
    content = bytearray(bucket.client.get_object(Bucket=BUCKET, Key=key)["Body"].read())
    content[len(content) // 2] ^= 1
    bucket.client.put_object(Bucket=BUCKET, Key=key, Body=bytes(content))
    done = backed_up.restore("--drill")
    assert done.status == Status.DAMAGED
    assert "database.dump is damaged: it has" in done.errors
    assert "an older version of it" in done.errors
    assert backed_up.databases() == there
    assert results(backed_up)[0][:2] == ("drill", "damaged")


def test_a_manifest_that_is_no_json_is_refused(backed_up: BackedUp, bucket: S3Server):
    key = objects(bucket, backed_up)["manifest.json"]
    bucket.client.put_object(Bucket=BUCKET, Key=key, Body=b"{")
    done = backed_up.restore("--drill")
    assert done.status == Status.DAMAGED
    assert "manifest.json is damaged" in done.errors


def test_a_backup_without_its_data_is_refused(backed_up: BackedUp, bucket: S3Server):
    key = objects(bucket, backed_up)["database.dump"]
    bucket.client.delete_object(Bucket=BUCKET, Key=key)  # a marker: the version stays
    done = backed_up.restore("--drill")
    assert done.status == Status.MISSING
    assert "database.dump is missing, and its manifest is there" in done.errors
    assert results(backed_up)[0][:2] == ("drill", "missing")


def test_a_bucket_without_a_backup_is_refused(backed_up: BackedUp):
    backed_up.stack = "another-platform"
    done = backed_up.restore("--drill")
    assert done.status == Status.MISSING
    assert "there is no backup: check backup.url, and the log of the backup job" in done.errors


def test_a_stale_backup_fails_the_drill_and_can_be_restored(backed_up: BackedUp, bucket: S3Server):
    change_manifest(bucket, backed_up, taken_at="2020-01-01T00:00:00Z", folder=False)
    done = backed_up.restore("--drill")
    assert done.status == Status.STALE
    assert "minutes old, and at most 1440 are allowed" in done.errors
    assert results(backed_up)[0][:2] == ("drill", "stale")


def test_a_backup_of_another_stack_is_refused(backed_up: BackedUp, bucket: S3Server):
    change_manifest(bucket, backed_up, stack="another")
    done = backed_up.restore("--drill")
    assert done.status == Status.OTHER_STACK
    assert f"is a backup of another, not of {backed_up.stack}" in done.errors


def test_other_rows_than_were_backed_up_are_found(backed_up: BackedUp, bucket: S3Server):
    there = backed_up.databases()
    key = objects(bucket, backed_up)["manifest.json"]
    manifest = json.loads(bucket.client.get_object(Bucket=BUCKET, Key=key)["Body"].read())
    tables = manifest["tables"]
    tables["public.memories"]["rows"] += 1
    tables["public.vault_entries"]["checksum"] = "1"
    change_manifest(bucket, backed_up, tables=tables)
    done = backed_up.restore("--drill")
    assert done.status == Status.DIFFERENT
    assert "public.memories has 2000 rows, and had 2001" in done.errors
    assert "public.vault_entries has other values" in done.errors
    assert backed_up.databases() == there


def test_a_removed_row_of_the_audit_log_is_found(backed_up: BackedUp):
    with backed_up.connect() as connection:
        for change in (audit_schema.VERSIONS, *(text for _, text in audit_schema.CHANGES)):
            connection.execute(change.encode())
        connection.execute("SELECT audit.make_partitions(0)")
        for number in range(5):
            connection.execute(
                "INSERT INTO audit.log (event, call_id, server) VALUES ('call', %s, 'core')",
                (f"call-{number}",),
            )
    assert backed_up.backup().status == 0
    done = backed_up.restore("--drill")
    assert done.status == 0, done.errors
    with backed_up.connect() as connection:
        connection.execute("ALTER TABLE audit.log DISABLE TRIGGER kept")
        connection.execute("DELETE FROM audit.log WHERE seq = 3")
    time.sleep(1.1)  # names of backups have whole seconds
    assert backed_up.backup().status == 0
    done = backed_up.restore("--drill")
    assert done.status == Status.DIFFERENT
    assert "the audit log's chain is broken at row 4" in done.errors
    with backed_up.connect() as connection:
        connection.execute("DROP SCHEMA audit CASCADE")


def test_a_time_chooses_the_newest_backup_before_it(backed_up: BackedUp):
    first = rows(backed_up)
    time.sleep(1.1)  # names of backups have whole seconds
    between = datetime.now(UTC).isoformat()
    with backed_up.connect() as connection:
        connection.execute("DELETE FROM memories WHERE owner = 'user-1'")
    assert backed_up.backup().status == 0
    assert backed_up.restore("--before", between, "--database", "earlier").status == 0
    assert rows(backed_up, "earlier") == first
    assert backed_up.restore("--database", "newest").status == 0
    assert rows(backed_up, "newest") == rows(backed_up)
    none = backed_up.restore("--before", "2020-01-01T00:00:00Z")
    assert none.status == Status.MISSING
    assert "there is no backup from before 2020-01-01T00:00:00+00:00" in none.errors
    listed = backed_up.restore("--list")
    assert listed.output.count("tables") == 2


def test_a_restore_never_writes_over_a_database(backed_up: BackedUp):
    live = backed_up.restore("--database", DATABASE)
    assert live.status == 1
    assert f"{DATABASE} is the live database" in live.errors
    before = rows(backed_up)
    with backed_up.server.connect("postgres") as connection:
        connection.autocommit = True
        connection.execute("CREATE DATABASE taken")
    other = backed_up.restore("--database", "taken")
    assert other.status == 1
    assert "the database taken exists already" in other.errors
    assert "taken" in backed_up.databases()
    assert rows(backed_up) == before
    assert backed_up.restore("--database", "no-name").status == 1


def test_a_dump_that_fails_stores_nothing(backed_up: BackedUp, bucket: S3Server):
    with backed_up.server.connect(DATABASE) as connection:
        connection.execute("REVOKE pg_read_all_data FROM platform_backup")
    there = objects(bucket, backed_up)
    try:
        done = backed_up.backup()
    finally:
        with backed_up.server.connect(DATABASE) as connection:
            connection.execute("GRANT pg_read_all_data TO platform_backup")
    assert done.status == 1
    assert "permission denied" in done.errors
    assert objects(bucket, backed_up) == there


def test_a_wrong_key_of_the_bucket_is_named(backed_up: BackedUp, tmp_path: Path):
    wrong = tmp_path / "key"
    wrong.write_text("wrong")
    backed_up.settings = {"secret_key_file": str(wrong)}
    done = backed_up.restore("--list")
    assert done.status == 1
    assert "the bucket refuses this key" in done.errors


def test_the_bucket_refuses_to_delete_a_locked_version(backed_up: BackedUp, bucket: S3Server):
    key = objects(bucket, backed_up)["database.dump"]
    (version,) = bucket.client.list_object_versions(Bucket=BUCKET, Prefix=key)["Versions"]
    with pytest.raises(botocore.exceptions.ClientError, match="AccessDenied"):
        bucket.client.delete_object(Bucket=BUCKET, Key=key, VersionId=version["VersionId"])
    assert backed_up.restore("--drill").status == 0


def change_manifest(
    bucket: S3Server, database: BackedUp, *, folder: bool = True, **changes: Any
) -> None:
    """Replace fields of the manifest; with ``folder`` its data is found as before."""
    key = objects(bucket, database)["manifest.json"]
    manifest = json.loads(bucket.client.get_object(Bucket=BUCKET, Key=key)["Body"].read())
    text = json.dumps(manifest | changes).encode()
    bucket.client.put_object(Bucket=BUCKET, Key=key, Body=text)
    assert folder or "taken_at" in changes
