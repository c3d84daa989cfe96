"""Runs a real server with the API of S3 (SeaweedFS) on loopback: versions and object lock."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
from collections.abc import Generator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, cast

import boto3
import botocore.config
import botocore.exceptions

from .canaries import Canary
from .server import free_port, until

CACHE: Final = Path(os.environ.get("QUDAG_MCP_CACHE", Path.home() / ".cache/qudag-mcp"))
PROGRAMS: Final = CACHE / "backup-programs/env/bin"
"""Where ``tools/backup-programs`` installs SeaweedFS and Barman."""
HOW_TO_GET: Final = "no SeaweedFS or Barman in the cache: call tools/backup-programs"
REGION: Final = "eu-central-1"
BUCKET: Final = "backups"
ACCESS_KEY: Final = Canary.of("the id of the bucket's key").text
SECRET_KEY: Final = Canary.of("the bucket's key").text


@dataclass(frozen=True)
class S3Server:
    """A running server with a bucket whose objects are locked for a week.

    Attributes:
        endpoint: its URL.
        directory: where it keeps its files.
        client: a client with the key of an administrator.
    """

    endpoint: str
    directory: Path
    client: Any

    @property
    def environment(self) -> dict[str, str]:
        """The variables from which programs take the key."""
        return {
            "AWS_ACCESS_KEY_ID": ACCESS_KEY,
            "AWS_SECRET_ACCESS_KEY": SECRET_KEY,
            "AWS_DEFAULT_REGION": REGION,
            "AWS_EC2_METADATA_DISABLED": "true",
        }

    def keys(self) -> tuple[Path, Path]:
        """Files with the two parts of the key."""
        files = self.directory / "access-key", self.directory / "secret-key"
        for file, text in zip(files, (ACCESS_KEY, SECRET_KEY), strict=True):
            file.write_text(text + "\n")
        return files


def installed() -> bool:
    """Whether the programs are in the cache."""
    return (PROGRAMS / "weed").exists()


@contextlib.contextmanager
def s3_server(directory: Path) -> Generator[S3Server]:
    """Run a server that keeps its files in ``directory``."""
    assert installed(), HOW_TO_GET
    action = ["Admin", "Read", "Write", "List", "Tagging"]
    credentials = [{"accessKey": ACCESS_KEY, "secretKey": SECRET_KEY}]
    identities = [{"name": "tests", "credentials": credentials, "actions": action}]
    (directory / "s3.json").write_text(json.dumps({"identities": identities}))
    services = ("master", "volume", "filer", "s3")
    ports = {f"{service}.port{kind}": free_port() for service in services for kind in ("", ".grpc")}
    endpoint = f"http://127.0.0.1:{ports['s3.port']}"
    with (directory / "log").open("wb") as log:
        process = subprocess.Popen(
            [
                *(PROGRAMS / "weed", "server", f"-dir={directory}", "-filer", "-s3"),
                *("-ip=127.0.0.1", "-ip.bind=127.0.0.1", "-master.telemetry=false"),
                *("-master.volumeSizeLimitMB=64", "-volume.max=20", "-s3.port.iceberg=0"),
                "-s3.port.lance=0",
                f"-s3.config={directory / 's3.json'}",
                *(f"-{name}={port}" for name, port in ports.items()),
            ],
            stdout=log,
            stderr=log,
        )
    try:
        client: Any = cast("Any", boto3).client(
            "s3",
            endpoint_url=endpoint,
            aws_access_key_id=ACCESS_KEY,
            aws_secret_access_key=SECRET_KEY,
            region_name=REGION,
            config=botocore.config.Config(retries={"max_attempts": 0}, connect_timeout=1),
        )
        until(lambda: _has_bucket(client, process, directory), within_seconds=60)
        retention = {"DefaultRetention": {"Mode": "GOVERNANCE", "Days": 7}}
        client.put_object_lock_configuration(
            Bucket=BUCKET,
            ObjectLockConfiguration={"ObjectLockEnabled": "Enabled", "Rule": retention},
        )
        yield S3Server(endpoint, directory, client)
    finally:
        process.kill()  # it takes long to end otherwise
        process.wait()


def _has_bucket(client: Any, process: subprocess.Popen[bytes], directory: Path) -> bool:
    if process.poll() is not None:
        raise AssertionError((directory / "log").read_text()[-2000:])
    try:
        client.create_bucket(Bucket=BUCKET, ObjectLockEnabledForBucket=True)
    except (botocore.exceptions.BotoCoreError, botocore.exceptions.ClientError):
        return False
    return True
