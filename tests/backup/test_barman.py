"""Barman's WAL archive and base backup in a real S3 server restore to the second before a loss.

These are the programs that the Barman Cloud plugin of CloudNativePG runs.
"""

from __future__ import annotations

import contextlib
import shutil
import subprocess
import sys
import time
from collections.abc import Generator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import psycopg
import pytest

from tests.harness.postgres import ACCOUNT, GROUP, HOW_TO_GET, Postgres, binaries, postgres
from tests.harness.s3_server import BUCKET, PROGRAMS, S3Server, installed, s3_server
from tests.harness.s3_server import HOW_TO_GET as HOW_TO_GET_S3
from tests.harness.server import free_port, until

pytestmark = [
    pytest.mark.skipif(binaries() is None, reason=HOW_TO_GET),
    pytest.mark.skipif(not installed(), reason=HOW_TO_GET_S3),
    pytest.mark.xdist_group("backups"),
]
PREFIX = f"s3://{BUCKET}/barman"
SERVER = "main"
NOTES = "SELECT id, note, at FROM notes ORDER BY id"


@dataclass
class Archived:
    """A database whose WAL is archived, with a base backup and a table that was dropped.

    Attributes:
        server: the database server.
        s3: where its archive is.
        barman: options of Python that run Barman as any user.
        rows: of the table, before it was dropped.
        dropped_at: when it was, by the database's clock.
    """

    server: Postgres
    s3: S3Server
    barman: str
    rows: list[Any]
    dropped_at: datetime

    def command(self, program: str, *arguments: str) -> str:
        """The shell command of one of Barman's programs for cloud storage."""
        return _command(self.barman, self.s3, program, *arguments)


def _command(barman: str, s3: S3Server, program: str, *arguments: str) -> str:
    rest = " ".join(arguments)
    return f"{barman} -m barman.clients.{program} --endpoint-url {s3.endpoint} {rest}"


def _interpreter() -> str:
    """A Python of this version that the database's account may run."""
    release = f"python{sys.version_info.major}.{sys.version_info.minor}"
    for candidate in (sys.executable, f"/usr/bin/{release}", f"/usr/local/bin/{release}"):
        with contextlib.suppress(OSError):
            subprocess.run([candidate, "--version"], user=ACCOUNT, check=True, capture_output=True)
            return candidate
    pytest.skip(f"{ACCOUNT or 'this account'} may run no {release} here")


def _run(command: str, environment: dict[str, str]) -> None:
    done = subprocess.run(
        ["sh", "-c", command],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.fixture(scope="module")
def archived(tmp_path_factory: pytest.TempPathFactory) -> Generator[Archived]:
    with s3_server(tmp_path_factory.mktemp("s3")) as s3, postgres() as server:
        # The database's account may not read the cache of programs.
        libraries = server.directory / "barman"
        found = next(PROGRAMS.parent.glob("lib/python*/site-packages"))
        shutil.copytree(found, libraries, ignore=shutil.ignore_patterns("seaweedfs*"))
        barman = f"env PYTHONPATH={libraries} {_interpreter()}"
        server.environment |= {**s3.environment, "HOME": str(server.directory)}
        server.kill()
        archive = _command(barman, s3, "cloud_walarchive", "--gzip", PREFIX, SERVER, "%p")
        _configure(server, archive_mode="on", wal_level="replica", archive_command=archive)
        server.start()
        with server.connect() as connection:
            connection.execute(
                "CREATE TABLE notes (id bigint PRIMARY KEY, note text, "
                "at timestamptz DEFAULT clock_timestamp())"
            )
            _write(connection, 1, 1000)
        _run(
            _command(
                *(barman, s3, "cloud_backup", "--gzip", "--immediate-checkpoint"),
                *("-h 127.0.0.1", f"-p {server.port}", "-U qudag", "-d postgres", PREFIX, SERVER),
            ),
            server.environment | {"PGPASSWORD": "only-for-tests"},
        )
        with server.connect() as connection:
            _write(connection, 1001, 2500)
            rows = connection.execute(NOTES).fetchall()
        with server.connect() as connection:
            row = connection.execute("SELECT clock_timestamp()").fetchone()
            assert row is not None
            dropped_at: Any = row[0]
            connection.execute("DROP TABLE notes")
        with server.connect() as connection:
            connection.autocommit = True
            row = connection.execute("SELECT pg_walfile_name(pg_switch_wal())").fetchone()
            assert row is not None
        until(lambda: _archived(server, str(row[0])), within_seconds=60)
        yield Archived(server, s3, barman, rows, dropped_at)


def _write(connection: Any, first: int, last: int) -> None:
    connection.execute(
        "INSERT INTO notes (id, note) SELECT n, md5(n::text) "
        "FROM generate_series(%s::int, %s::int) AS n",
        (first, last),
    )


def _archived(server: Postgres, segment: str) -> bool:
    with server.connect() as connection:
        row = connection.execute("SELECT last_archived_wal FROM pg_stat_archiver").fetchone()
    return row is not None and str(row[0] or "") >= segment


def _configure(server: Postgres, **settings: str) -> None:
    with (server.directory / "data/postgresql.conf").open("a") as file:
        file.writelines(f"{name} = '{value}'\n" for name, value in settings.items())


def _restored(archived: Archived, directory: Path) -> Postgres:
    """A server with the base backup, which reads the WAL up to the moment of the loss."""
    environment = dict(archived.server.environment)
    copy = Postgres(archived.server.binaries, directory, environment, port=free_port())
    data = directory / "data"
    _run(
        archived.command("cloud_restore", PREFIX, SERVER, "latest", str(data)),
        environment,
    )
    (data / "recovery.signal").touch()
    _configure(
        copy,
        archive_mode="off",
        restore_command=archived.command("cloud_walrestore", PREFIX, SERVER, "%f", "%p"),
        recovery_target_time=archived.dropped_at.isoformat(sep=" "),
        recovery_target_action="promote",
    )
    copy.password_file.write_text("only-for-tests\n")
    data.chmod(0o700)
    if ACCOUNT is not None:
        for path in (directory, *directory.rglob("*")):
            shutil.chown(path, ACCOUNT, GROUP)
    return copy


@pytest.fixture
def directory(archived: Archived) -> Generator[Path]:
    """A folder that the database's account may read."""
    made = archived.server.directory.with_name(f"{archived.server.directory.name}-{free_port()}")
    made.mkdir()
    yield made
    shutil.rmtree(made, ignore_errors=True)


def _promoted(server: Postgres) -> bool:
    with contextlib.suppress(psycopg.OperationalError), server.connect() as connection:
        return connection.execute("SELECT pg_is_in_recovery()").fetchone() == (False,)
    return False


def test_a_dropped_table_is_restored_to_the_second_before(
    archived: Archived, directory: Path, capsys: pytest.CaptureFixture[str]
):
    started = time.monotonic()
    copy = _restored(archived, directory)
    copy.launch()
    try:
        until(lambda: _promoted(copy), within_seconds=90)
        recovery = time.monotonic() - started
        with copy.connect() as connection:
            found: list[Any] = connection.execute(NOTES).fetchall()
    finally:
        copy.kill()
    assert found == archived.rows
    assert len(found) == 2500
    lost = archived.dropped_at - max(row[2] for row in found)
    assert lost.total_seconds() < 30
    with capsys.disabled():
        print(
            f"\nBarman: {len(found)} rows identical; recovery point {lost.total_seconds():.1f} s "
            f"before the loss, recovery time {recovery:.1f} s"
        )


def test_a_missing_segment_of_the_wal_fails_the_restore(archived: Archived, directory: Path):
    client = archived.s3.client
    listed = client.list_objects_v2(Bucket=BUCKET, Prefix=f"barman/{SERVER}/wals/")
    segments = sorted(item["Key"] for item in listed["Contents"] if ".backup" not in item["Key"])
    last = segments[-1]
    marker = client.delete_object(Bucket=BUCKET, Key=last)
    copy = _restored(archived, directory)
    try:
        copy.launch()
        assert copy.process is not None
        assert copy.process.wait(60) != 0
        log = (directory / "log").read_text()
        assert "recovery ended before configured recovery target was reached" in log
    finally:
        copy.kill()
        client.delete_object(Bucket=BUCKET, Key=last, VersionId=marker["VersionId"])


def test_a_damaged_base_backup_fails_the_restore(archived: Archived, directory: Path):
    client = archived.s3.client
    listed = client.list_objects_v2(Bucket=BUCKET, Prefix=f"barman/{SERVER}/base/")
    (key,) = [item["Key"] for item in listed["Contents"] if item["Key"].endswith("data.tar.gz")]
    whole = client.get_object(Bucket=BUCKET, Key=key)["Body"].read()
    client.put_object(Bucket=BUCKET, Key=key, Body=whole[: len(whole) // 2])
    try:
        with pytest.raises(AssertionError, match=r"(?i)error"):
            _restored(archived, directory)
    finally:
        client.put_object(Bucket=BUCKET, Key=key, Body=whole)
