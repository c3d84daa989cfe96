"""A volume is copied to a real S3 server with object lock, and restored identically or refused."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Generator
from pathlib import Path

import pytest
import tomli_w

from runtime.backup_errors import Status
from runtime.volume_store import ARCHIVE
from tests.harness.containers import ROOT
from tests.harness.s3_server import BUCKET, HOW_TO_GET, REGION, S3Server, installed, s3_server

pytest.importorskip("obstore", reason="obstore is not installed: call make setup")
pytestmark = [
    pytest.mark.skipif(not installed(), reason=HOW_TO_GET),
    pytest.mark.xdist_group("backups"),
]


@pytest.fixture(scope="module")
def bucket(tmp_path_factory: pytest.TempPathFactory) -> Generator[S3Server]:
    with s3_server(tmp_path_factory.mktemp("s3")) as server:
        yield server


def run(bucket: S3Server, root: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    access, secret = bucket.keys()
    backup = {
        "stack": "qudag-mcp-prod",
        "url": f"s3://{BUCKET}/platform",
        "endpoint": bucket.endpoint,
        "region": REGION,
        "access_key_file": str(access),
        "secret_key_file": str(secret),
    }
    config = root.parent / "volumes.toml"
    config.write_text(tomli_w.dumps({"backup": backup, "volumes": {"models": str(root)}}))
    command, *rest = arguments
    return subprocess.run(
        [sys.executable, "-m", "runtime", command, "--config", config, *rest],
        check=False,
        capture_output=True,
        text=True,
        cwd=ROOT,
        timeout=120,
    )


def test_a_volume_of_many_parts_is_restored_identically(
    bucket: S3Server, tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    root = tmp_path / "models"
    root.mkdir()
    files = {"weights.bin": os.urandom(40_000_000), "config.json": b"{}", "empty": b""}
    for name, content in files.items():
        (root / name).write_bytes(content)
    made = run(bucket, root, "backup-volumes")
    assert made.returncode == 0, made.stderr
    (root / "weights.bin").write_bytes(b"lost")
    drill = run(bucket, root, "restore-volume", "--drill")
    assert drill.returncode == 0, drill.stderr
    restored = run(bucket, root, "restore-volume", "models", "--replace")
    assert restored.returncode == 0, restored.stderr
    assert {path.name: path.read_bytes() for path in root.iterdir() if path.is_file()} == files
    (old,) = root.glob(".qudag-before-*")
    assert (old / "weights.bin").read_bytes() == b"lost"
    with capsys.disabled():
        print(f"\n{restored.stdout.strip()}")

    listed = bucket.client.list_objects_v2(Bucket=BUCKET, Prefix="platform/")["Contents"]
    (key,) = [item["Key"] for item in listed if item["Key"].endswith(ARCHIVE)]
    stored = bytearray(bucket.client.get_object(Bucket=BUCKET, Key=key)["Body"].read())
    stored[len(stored) // 2] ^= 1
    bucket.client.put_object(Bucket=BUCKET, Key=key, Body=bytes(stored))
    damaged = run(bucket, root, "restore-volume", "--drill")
    assert damaged.returncode == Status.DAMAGED
    assert "is damaged" in damaged.stderr
