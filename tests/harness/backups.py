"""Runs the backup and the restore of a real database, with the scripts of their pods."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import psycopg
import tomli_w

from components.kubernetes.templates import text
from runtime.config import DatabaseSection, MigrationConfig
from runtime.schema import RESTORED_COPY, migrate

from . import programs
from .canaries import Canary
from .containers import ROOT
from .postgres import Postgres
from .s3_server import BUCKET, S3Server

OWNER = "platform"
DATABASE = "platform"
PASSWORD: Final = Canary.of("the passwords of the roles").text
ROWS = "SELECT owner, name, text, written_at FROM memories ORDER BY 1, 2"
ROLES = f"""
CREATE ROLE {OWNER} LOGIN PASSWORD '{PASSWORD}';
CREATE ROLE {OWNER}_backup LOGIN PASSWORD '{PASSWORD}' IN ROLE pg_read_all_data;
CREATE ROLE {OWNER}_restore LOGIN CREATEDB PASSWORD '{PASSWORD}' IN ROLE {OWNER}, pg_signal_backend;
GRANT SET ON PARAMETER {RESTORED_COPY} TO {OWNER}_restore;
"""


@dataclass(frozen=True)
class Outcome:
    """The end of a program.

    Attributes:
        status: its exit status.
        output: its standard output.
        errors: its error output.
    """

    status: int
    output: str
    errors: str


@dataclass
class BackedUp:
    """A platform's database with its roles, and where its backups go.

    Attributes:
        server: the database server.
        directory: for files of the tests.
        bucket: the fields of ``[backup]`` that say where.
        stack: whose backups they are.
        password: that the pods' file has.
    """

    server: Postgres
    directory: Path
    bucket: Mapping[str, Any]
    stack: str = "qudag-mcp-prod"
    password: str = PASSWORD
    settings: dict[str, Any] = field(default_factory=dict[str, Any])

    def prepare(self) -> None:
        """Make the roles and the database with the platform's tables."""
        with self.server.connect() as connection:
            connection.execute(ROLES.encode())
        with self.server.connect() as connection:
            connection.autocommit = True
            connection.execute(f"CREATE DATABASE {DATABASE} OWNER {OWNER}".encode())
        database = DatabaseSection.model_validate(self._section(OWNER))
        migrate(MigrationConfig(database=database), 20)

    def connect(self, database: str = DATABASE) -> psycopg.Connection[Any]:
        """Connect as the owner of the platform's database."""
        return psycopg.connect(
            host="127.0.0.1", port=self.server.port, dbname=database, user=OWNER, password=PASSWORD
        )

    def databases(self) -> set[str]:
        """The names of all databases of the server."""
        with self.server.connect("postgres") as connection:
            rows = connection.execute("SELECT datname FROM pg_database").fetchall()
        return {str(row[0]) for row in rows}

    def backup(self) -> Outcome:
        """Store a backup, as its pod does."""
        return self._run("backup", "backup-dump.sh", [])

    def restore(self, *arguments: str) -> Outcome:
        """Restore a backup, as its pod does."""
        return self._run("restore", "backup-restore.sh", list(arguments))

    def restore_manifests(self, *arguments: str) -> Outcome:
        """Print a backup of the stack's Kubernetes objects, as a pod of the drill does."""
        return self._run("restore-manifests", None, list(arguments))

    def rows(self, database: str = DATABASE) -> list[Any]:
        """The rows of the table of memories, in order."""
        with self.connect(database) as connection:
            return connection.execute(ROWS).fetchall()

    def results(self) -> list[Any]:
        """What backups and restores recorded, the newest first."""
        with self.connect() as connection:
            return connection.execute(
                "SELECT kind, outcome, age_seconds, seconds FROM backup_results ORDER BY at DESC"
            ).fetchall()

    def objects(self, bucket: S3Server) -> dict[str, Any]:
        """The key of each object of the newest backup, by its name."""
        listed = bucket.client.list_objects_v2(
            Bucket=BUCKET, Prefix=f"platform/{self.stack}/database/"
        )
        keys = sorted(item["Key"] for item in listed["Contents"])
        return {key.rpartition("/")[2]: key for key in keys}

    def manifest(self, bucket: S3Server) -> dict[str, Any]:
        """The manifest of the newest backup."""
        key = self.objects(bucket)["manifest.json"]
        return json.loads(bucket.client.get_object(Bucket=BUCKET, Key=key)["Body"].read())

    def change_manifest(self, bucket: S3Server, **changes: Any) -> None:
        """Replace fields of the newest backup's manifest."""
        text = json.dumps(self.manifest(bucket) | changes).encode()
        key = self.objects(bucket)["manifest.json"]
        bucket.client.put_object(Bucket=BUCKET, Key=key, Body=text)

    def _section(self, user: str) -> dict[str, Any]:
        file = self.directory / "password"
        file.write_text(self.password)
        return {
            "host": "127.0.0.1",
            "port": self.server.port,
            "name": DATABASE,
            "user": user,
            "password_file": str(file),
        }

    def _run(self, command: str, script: str | None, arguments: list[str]) -> Outcome:
        user = f"{OWNER}_{command}"
        # Each pod has an empty directory of its own.
        work = Path(tempfile.mkdtemp(prefix="work-", dir=self.directory))
        backup = {"stack": self.stack, "work": str(work), "wait_seconds": 60, **self.bucket}
        config = self.directory / "backup.toml"
        config.write_text(
            tomli_w.dumps({"backup": backup | self.settings, "database": self._section(user)})
        )
        pg_dump = programs.find("pg_dump")
        assert pg_dump is not None
        environment = programs.environment()
        environment["PATH"] = f"{Path(pg_dump).parent}:{environment['PATH']}"
        environment |= {
            **{"PGHOST": "127.0.0.1", "PGPORT": str(self.server.port), "PGUSER": user},
            **{"PGDATABASE": DATABASE, "OWNER": OWNER, "WORK": str(work), "WAIT": "60"},
            "PASSWORD_FILE": str(self.directory / "password"),
        }
        files = [(self.directory / f"{name}.log").open("w+") for name in ("out", "err", "tool")]
        tool = None
        main = subprocess.Popen(
            [sys.executable, "-m", "runtime", command, "--config", config, *arguments],
            stdout=files[0],
            stderr=files[1],
            cwd=ROOT,
            env=dict(os.environ),
        )
        try:
            if script is not None and "--list" not in arguments:
                tool = subprocess.Popen(
                    ["sh", "-c", text(script)], stdout=files[2], stderr=files[2], env=environment
                )
            status = main.wait(120)
            if tool is not None:
                tool.wait(60)
        finally:
            for process in filter(None, (main, tool)):
                process.kill()
                process.wait()
        texts: list[str] = []
        for file in files:
            file.seek(0)
            texts.append(file.read())
            file.close()
        return Outcome(status, texts[0], texts[1] + texts[2])
