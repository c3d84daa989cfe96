"""Closed months of the audit log go to a real S3 server, and stay in the database until they are
there."""

from __future__ import annotations

import gzip
import os
import socket
import subprocess
import sys
import threading
from collections.abc import Generator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import uuid4

import botocore.exceptions
import pytest
import tomli_w

from runtime.audit_chain import ChainError
from runtime.audit_command import DAMAGED, verified
from runtime.audit_keeper import Keeper
from runtime.backup_config import BackupSection
from runtime.config import KeeperSection
from runtime.toml_config import StartError
from tests.harness.audit_log import KEEPER, AuditLog, with_roles
from tests.harness.containers import ROOT
from tests.harness.postgres import HOW_TO_GET, binaries, postgres
from tests.harness.s3_server import BUCKET, REGION, S3Server, installed, s3_server
from tests.harness.s3_server import HOW_TO_GET as HOW_TO_GET_S3
from tests.harness.server import free_port
from tests.runtime.test_audit_log import filled, old_month, partitions

pytest.importorskip("obstore", reason="obstore is not installed: call make setup")
NO_ROWS = b'{"end": {"rows": 0, "seq": null, "hash": null}}\n'
pytestmark = [
    pytest.mark.skipif(binaries() is None, reason=HOW_TO_GET),
    pytest.mark.skipif(not installed(), reason=HOW_TO_GET_S3),
    pytest.mark.xdist_group("backups"),
]
MONTH = "log_2020_01"


@dataclass
class Exported:
    """An audit log, and the bucket to which its months go."""

    log: AuditLog
    server: S3Server
    stack: str
    endpoint: str

    @property
    def key(self) -> str:
        return f"platform/{self.stack}/audit/{MONTH}.jsonl.gz"

    def bucket(self) -> dict[str, Any]:
        access, secret = self.server.keys()
        return {
            **{"stack": self.stack, "url": f"s3://{BUCKET}/platform", "region": REGION},
            **{"endpoint": self.endpoint, "access_key_file": str(access)},
            "secret_key_file": str(secret),
        }

    def section(self, retention_days: int) -> dict[str, Any]:
        section = self.log.section()
        return {**section, "user": KEEPER, "retention_days": retention_days}

    def keep(self, retention_days: int = 36_500) -> list[str]:
        keeper = KeeperSection(**self.section(retention_days))
        return Keeper(keeper, 20, BackupSection(**self.bucket())).keep()

    def job(self, directory: Path, retention_days: int = 36_500) -> subprocess.Popen[str]:
        """The program of the CronJob."""
        config = directory / "audit.toml"
        tables = {"audit_keeper": self.section(retention_days), "audit_bucket": self.bucket()}
        config.write_text(tomli_w.dumps(tables))
        return subprocess.Popen(
            [sys.executable, "-m", "runtime", "audit", "keep", "--config", config],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            cwd=ROOT,
            env=dict(os.environ),
        )

    def versions(self) -> list[dict[str, Any]]:
        found = self.server.client.list_object_versions(Bucket=BUCKET, Prefix=self.key)
        return found.get("Versions", [])

    def content(self) -> bytes:
        return self.server.client.get_object(Bucket=BUCKET, Key=self.key)["Body"].read()

    def put(self, content: bytes) -> None:
        self.server.client.put_object(Bucket=BUCKET, Key=self.key, Body=content)

    def passed(self) -> bool | None:
        """The last result of the export, as servers export it."""
        with self.log.connect("qudag_audit") as connection:
            row = connection.execute("SELECT passed FROM audit.results WHERE kind = 'exported'")
            found = row.fetchone()
        return found[0] if found else None

    @property
    def kept(self) -> bool:
        """Whether the month is still in the database, with all rows."""
        if f"audit.{MONTH}" not in partitions(self.log):
            return False
        return len(self.log.rows("seq", "at < '2020-02-01'")) == 3


@pytest.fixture(scope="module")
def bucket(tmp_path_factory: pytest.TempPathFactory) -> Generator[S3Server]:
    with s3_server(tmp_path_factory.mktemp("s3")) as server:
        yield server


@pytest.fixture(scope="module")
def database() -> Generator[AuditLog]:
    with postgres() as server:
        yield with_roles(server)


@pytest.fixture
async def exported(database: AuditLog, bucket: S3Server) -> Exported:
    """A log with a closed month of three rows and two rows of today."""
    database.clear()
    old_month(database, 3)
    await filled(database, 2)
    return Exported(database, bucket, f"platform-{uuid4().hex[:8]}", bucket.endpoint)


def test_a_closed_month_is_one_locked_object_with_all_of_its_rows(
    exported: Exported, tmp_path: Path
):
    done = exported.keep()
    assert done[2].startswith(f"exported s3://{BUCKET}/{exported.key}: 3 rows, from 1 to 3;")
    assert exported.passed() is True
    assert exported.kept
    (version,) = exported.versions()
    with pytest.raises(botocore.exceptions.ClientError, match=r"AccessDenied|locked|retention"):
        exported.server.client.delete_object(
            Bucket=BUCKET, Key=exported.key, VersionId=version["VersionId"]
        )
    file, rest = tmp_path / "month.jsonl.gz", tmp_path / "rest.jsonl"
    file.write_bytes(exported.content())
    rest.write_text("\n".join(exported.log.keeper().export(3)))
    assert verified([file], {}).startswith("3 rows, from 1 to 3;")
    assert verified([file, rest], {}).startswith("5 rows, from 1 to 5;")
    assert len(exported.keep()) == 2  # nothing is left to export
    assert len(exported.versions()) == 1


def test_an_old_month_is_dropped_once_it_is_in_the_bucket(exported: Exported):
    done = exported.keep(retention_days=30)
    assert done[2].startswith("exported ")
    assert done[3].startswith(f"dropped {MONTH}: 3 rows, from 1 to 3;")
    assert f"audit.{MONTH}" not in partitions(exported.log)
    assert exported.log.keeper().verify({}).startswith("3 rows, from 4 to 6;")
    assert gzip.decompress(exported.content()).count(b"\n") == 4  # three rows and the end


def test_a_run_that_was_cut_before_it_recorded_the_export_compares_and_goes_on(
    exported: Exported,
):
    exported.keep()
    exported.log.change("DELETE FROM audit.exports")
    assert exported.keep()[2].startswith("exported ")
    assert len(exported.versions()) == 1


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"no gzip", "is damaged"),
        (gzip.compress(NO_ROWS, mtime=0), "has other rows"),
        (gzip.compress(b"", mtime=0), "the last line is missing"),
    ],
)
def test_an_object_of_somebody_else_is_refused_and_not_written_over(
    exported: Exported, content: bytes, words: str
):
    exported.put(content)
    with pytest.raises(ChainError, match=words):
        exported.keep(retention_days=30)
    assert exported.kept
    assert exported.content() == content
    assert exported.passed() is False


@pytest.mark.parametrize("damage", ["a byte", "a row", "a value", "the end"])
def test_a_month_whose_object_was_altered_is_not_dropped(
    exported: Exported, damage: str, tmp_path: Path
):
    exported.keep()
    content = exported.content()
    lines = gzip.decompress(content).splitlines(keepends=True)
    match damage:
        case "a byte":
            middle = len(content) // 2
            content = content[:middle] + bytes([content[middle] ^ 1]) + content[middle + 1 :]
        case "a row":
            content = gzip.compress(b"".join([lines[0], *lines[2:]]))
        case "a value":
            content = gzip.compress(b"".join(lines).replace(b'"server": "s"', b'"server": "t"'))
        case _:
            content = content[:-10]
    exported.put(content)
    job = exported.job(tmp_path, retention_days=30)
    _, errors = job.communicate(timeout=60)
    assert job.returncode == DAMAGED
    assert "the audit log is damaged: " in errors
    assert "Traceback" not in errors
    assert exported.kept
    assert exported.passed() is False


def test_a_month_whose_object_was_deleted_is_not_dropped(exported: Exported):
    exported.keep()
    exported.server.client.delete_object(Bucket=BUCKET, Key=exported.key)
    with pytest.raises(ChainError, match="is missing, and the month was exported"):
        exported.keep(retention_days=30)
    assert exported.kept
    assert exported.passed() is False


def test_a_damaged_month_is_not_exported(exported: Exported):
    exported.log.change("UPDATE audit.log SET subject = 'x' WHERE seq = 2")
    with pytest.raises(ChainError, match="row 2 was changed"):
        exported.keep(retention_days=30)
    assert exported.versions() == []
    assert exported.kept


def test_while_the_bucket_is_away_months_stay_and_the_job_fails(exported: Exported, tmp_path: Path):
    exported.endpoint = f"http://127.0.0.1:{free_port()}"
    job = exported.job(tmp_path, retention_days=30)
    _, errors = job.communicate(timeout=120)
    assert job.returncode == 1
    assert f"s3://{BUCKET}/{exported.key}: " in errors
    assert "Traceback" not in errors
    assert exported.kept
    assert exported.passed() is False
    exported.endpoint = exported.server.endpoint
    assert exported.keep(retention_days=30)[3].startswith(f"dropped {MONTH}")
    assert exported.passed() is True


def test_a_wrong_key_of_the_bucket_is_named(exported: Exported, tmp_path: Path):
    wrong = tmp_path / "secret"
    wrong.write_text("wrong")
    section: dict[str, Any] = exported.bucket() | {"secret_key_file": str(wrong)}
    keeper = KeeperSection(**exported.section(30))
    with pytest.raises(StartError, match="refuses this key"):
        Keeper(keeper, 20, BackupSection(**section)).keep()
    assert exported.kept


@dataclass
class StalledProxy:
    """Passes bytes on to the bucket until an upload begins, of which it passes only a part."""

    target: str
    stalled: threading.Event
    listener: socket.socket

    @property
    def endpoint(self) -> str:
        return f"http://127.0.0.1:{self.listener.getsockname()[1]}"

    def serve(self) -> None:
        while True:
            try:
                client, _ = self.listener.accept()
            except OSError:
                return
            host, _, port = self.target.removeprefix("http://").partition(":")
            server = socket.create_connection((host, int(port)))
            for source, to, uploads in ((client, server, True), (server, client, False)):
                threading.Thread(target=self._pass, args=(source, to, uploads), daemon=True).start()

    def _pass(self, source: socket.socket, to: socket.socket, uploads: bool) -> None:
        try:
            while part := source.recv(65_536):
                if uploads and part.startswith(b"PUT "):
                    to.sendall(part[: len(part) // 2])
                    self.stalled.set()
                    return
                to.sendall(part)
        except OSError:
            return


def test_a_job_that_is_killed_during_the_upload_leaves_no_object(
    exported: Exported, tmp_path: Path
):
    proxy = StalledProxy(
        exported.server.endpoint, threading.Event(), socket.create_server(("127.0.0.1", 0))
    )
    threading.Thread(target=proxy.serve, daemon=True).start()
    exported.endpoint = proxy.endpoint
    job = exported.job(tmp_path, retention_days=30)
    try:
        assert proxy.stalled.wait(60)
    finally:
        job.kill()
        job.communicate()
        proxy.listener.close()
    assert exported.versions() == []
    assert exported.kept
    exported.endpoint = exported.server.endpoint
    done = exported.keep(retention_days=30)
    assert done[2].startswith("exported ")
    assert done[3].startswith("dropped ")
    assert len(exported.versions()) == 1
