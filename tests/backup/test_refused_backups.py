"""A backup that is damaged, missing, stale or of another stack is refused."""

from __future__ import annotations

import time
from pathlib import Path

import botocore.exceptions
import pytest

from runtime import audit_schema
from runtime.backup_errors import Status
from tests.harness.backups import DATABASE, BackedUp
from tests.harness.postgres import HOW_TO_GET, binaries
from tests.harness.s3_server import BUCKET, S3Server, installed
from tests.harness.s3_server import HOW_TO_GET as HOW_TO_GET_S3

pytest.importorskip("obstore", reason="obstore is not installed: call make setup")
pytestmark = [
    pytest.mark.skipif(binaries() is None, reason=HOW_TO_GET),
    pytest.mark.skipif(not installed(), reason=HOW_TO_GET_S3),
    pytest.mark.xdist_group("backups"),
]


def test_a_damaged_backup_is_refused(backed_up: BackedUp, bucket: S3Server):
    there = backed_up.databases()
    key = backed_up.objects(bucket)["database.dump"]
    content = bytearray(bucket.client.get_object(Bucket=BUCKET, Key=key)["Body"].read())
    content[len(content) // 2] ^= 1
    bucket.client.put_object(Bucket=BUCKET, Key=key, Body=bytes(content))
    done = backed_up.restore("--drill")
    assert done.status == Status.DAMAGED
    assert "database.dump is damaged: it has" in done.errors
    assert "an older version of it" in done.errors
    assert backed_up.databases() == there
    assert backed_up.results()[0][:2] == ("drill", "damaged")


def test_a_manifest_that_is_no_json_is_refused(backed_up: BackedUp, bucket: S3Server):
    key = backed_up.objects(bucket)["manifest.json"]
    bucket.client.put_object(Bucket=BUCKET, Key=key, Body=b"{")
    done = backed_up.restore("--drill")
    assert done.status == Status.DAMAGED
    assert "manifest.json is damaged" in done.errors


def test_a_backup_without_its_data_is_refused(backed_up: BackedUp, bucket: S3Server):
    key = backed_up.objects(bucket)["database.dump"]
    bucket.client.delete_object(Bucket=BUCKET, Key=key)  # a marker: the version stays
    done = backed_up.restore("--drill")
    assert done.status == Status.MISSING
    assert "database.dump is missing, and its manifest is there" in done.errors
    assert backed_up.results()[0][:2] == ("drill", "missing")


def test_a_bucket_without_a_backup_is_refused(backed_up: BackedUp):
    backed_up.stack = "another-platform"
    done = backed_up.restore("--drill")
    assert done.status == Status.MISSING
    assert "there is no backup: check backup.url, and the log of the backup job" in done.errors


def test_a_stale_backup_fails_the_drill_and_can_be_restored(backed_up: BackedUp, bucket: S3Server):
    backed_up.change_manifest(bucket, taken_at="2020-01-01T00:00:00Z")
    done = backed_up.restore("--drill")
    assert done.status == Status.STALE
    assert "minutes old, and at most 1440 are allowed" in done.errors
    assert backed_up.results()[0][:2] == ("drill", "stale")


def test_a_backup_of_another_stack_is_refused(backed_up: BackedUp, bucket: S3Server):
    backed_up.change_manifest(bucket, stack="another")
    done = backed_up.restore("--drill")
    assert done.status == Status.OTHER_STACK
    assert f"is a backup of another, not of {backed_up.stack}" in done.errors


def test_other_rows_than_were_backed_up_are_found(backed_up: BackedUp, bucket: S3Server):
    there = backed_up.databases()
    tables = backed_up.manifest(bucket)["tables"]
    tables["public.memories"]["rows"] += 1
    tables["public.vault_entries"]["checksum"] = "1"
    backed_up.change_manifest(bucket, tables=tables)
    done = backed_up.restore("--drill")
    assert done.status == Status.DIFFERENT
    assert "public.memories has 2000 rows, and had 2001" in done.errors
    assert "public.vault_entries has other values" in done.errors
    assert backed_up.databases() == there


@pytest.mark.parametrize(
    ("damage", "words"),
    [
        ("DELETE FROM audit.log WHERE seq = 3", "row 3 is missing"),
        ("DELETE FROM audit.log WHERE seq = 5", "rows from 5 to 5 are missing at the end"),
        ("UPDATE audit.log SET subject = 'x' WHERE seq = 3", "row 3 was changed"),
        (
            "UPDATE audit.log SET subject = 'x' WHERE seq = 3;"
            "UPDATE audit.log AS l SET hash = audit.hash_of(l) WHERE seq = 3",
            "row 3 was replaced",
        ),
    ],
)
def test_a_damaged_audit_log_is_found(backed_up: BackedUp, damage: str, words: str):
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
        connection.execute(damage.encode())
    time.sleep(1.1)  # names of backups have whole seconds
    assert backed_up.backup().status == 0
    done = backed_up.restore("--drill")
    assert done.status == Status.DIFFERENT
    assert f"the audit log is damaged: {words}" in done.errors
    with backed_up.connect() as connection:
        connection.execute("DROP SCHEMA audit CASCADE")


def test_a_restore_never_writes_over_a_database(backed_up: BackedUp):
    live = backed_up.restore("--database", DATABASE)
    assert live.status == 1
    assert f"{DATABASE} is the live database" in live.errors
    before = backed_up.rows()
    with backed_up.server.connect("postgres") as connection:
        connection.autocommit = True
        connection.execute("CREATE DATABASE taken")
    other = backed_up.restore("--database", "taken")
    assert other.status == 1
    assert "the database taken exists already" in other.errors
    assert "taken" in backed_up.databases()
    assert backed_up.rows() == before
    assert backed_up.restore("--database", "no-name").status == 1


def test_a_dump_that_fails_stores_nothing(backed_up: BackedUp, bucket: S3Server):
    with backed_up.server.connect(DATABASE) as connection:
        connection.execute("REVOKE pg_read_all_data FROM platform_backup")
    there = backed_up.objects(bucket)
    try:
        done = backed_up.backup()
    finally:
        with backed_up.server.connect(DATABASE) as connection:
            connection.execute("GRANT pg_read_all_data TO platform_backup")
    assert done.status == 1
    assert "permission denied" in done.errors
    assert backed_up.objects(bucket) == there


def test_a_wrong_key_of_the_bucket_is_named(backed_up: BackedUp, tmp_path: Path):
    wrong = tmp_path / "key"
    wrong.write_text("wrong")
    backed_up.settings = {"secret_key_file": str(wrong)}
    done = backed_up.restore("--list")
    assert done.status == 1
    assert "the bucket refuses this key" in done.errors


def test_the_bucket_refuses_to_delete_a_locked_version(backed_up: BackedUp, bucket: S3Server):
    key = backed_up.objects(bucket)["database.dump"]
    (version,) = bucket.client.list_object_versions(Bucket=BUCKET, Prefix=key)["Versions"]
    with pytest.raises(botocore.exceptions.ClientError, match="AccessDenied"):
        bucket.client.delete_object(Bucket=BUCKET, Key=key, VersionId=version["VersionId"])
    assert backed_up.restore("--drill").status == 0
