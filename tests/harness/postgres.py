"""Runs a real PostgreSQL on loopback, as an unprivileged user."""

from __future__ import annotations

import contextlib
import os
import pwd
import shutil
import subprocess
import tempfile
from collections.abc import Generator
from dataclasses import dataclass, field
from pathlib import Path

import psycopg

from . import programs
from .server import free_port, until

USER = "qudag"
DATABASE = "qudag_mcp"
PASSWORD = "only-for-tests"
ACCOUNT = "nobody" if os.geteuid() == 0 else None  # PostgreSQL refuses to run as root
GROUP = pwd.getpwnam(ACCOUNT).pw_gid if ACCOUNT else None
HOW_TO_GET = "no PostgreSQL here; get it with tools/programs, or apt-get install postgresql"


def binaries() -> Path | None:
    """The directory of `initdb` and `postgres`, or None."""
    found = programs.find("initdb")
    directory = Path(found).resolve().parent if found else None
    return directory if directory and (directory / "postgres").exists() else None


@dataclass
class Postgres:
    """A database server that can be stopped and started again on the same data."""

    binaries: Path
    directory: Path
    environment: dict[str, str]
    port: int = field(default_factory=free_port)
    process: subprocess.Popen[bytes] | None = None

    @property
    def password_file(self) -> Path:
        """The file for `password_file` of the configuration."""
        return self.directory / "password"

    def section(self) -> dict[str, str | int]:
        """The `[database]` section for a server.toml."""
        return {
            "host": "127.0.0.1",
            "port": self.port,
            "name": DATABASE,
            "user": USER,
            "password_file": str(self.password_file),
        }

    def connect(self, database: str = DATABASE) -> psycopg.Connection[tuple[object, ...]]:
        """Connect as the database's owner."""
        return psycopg.connect(
            host="127.0.0.1", port=self.port, dbname=database, user=USER, password=PASSWORD
        )

    def start(self) -> None:
        """Start it and wait until it answers."""
        self.launch()
        until(self._answers, within_seconds=20)

    def launch(self) -> None:
        """Start it."""
        settings = [f"port={self.port}", "listen_addresses=127.0.0.1", "unix_socket_directories="]
        options = [part for setting in settings for part in ("-c", setting)]
        with (self.directory / "log").open("ab") as log:
            self.process = subprocess.Popen(
                [self.binaries / "postgres", "-D", self.directory / "data", *options],
                stdout=log,
                stderr=log,
                user=ACCOUNT,
                group=GROUP,
                env=self.environment,
            )

    def kill(self) -> None:
        """Kill it and its child processes with SIGKILL, as in a crash."""
        if self.process is not None:
            self.process.kill()
            self.process.wait()

    def _answers(self) -> bool:
        assert self.process is not None
        if self.process.poll() is not None:
            raise AssertionError((self.directory / "log").read_text())
        with contextlib.suppress(psycopg.OperationalError), self.connect("postgres"):
            return True
        return False


@contextlib.contextmanager
def postgres() -> Generator[Postgres]:
    """Run a server with the platform's database."""
    found = binaries()
    assert found is not None, HOW_TO_GET
    directory = Path(tempfile.mkdtemp(prefix="qudag-postgres-"))
    try:
        server = Postgres(*_reachable(found, directory))
        server.password_file.write_text(PASSWORD + "\n")
        _own(directory)
        subprocess.run(
            [
                *(server.binaries / "initdb", "-D", directory / "data", "-U", USER),
                *("-A", "scram-sha-256", f"--pwfile={server.password_file}"),
                *("--no-sync", "--no-instructions"),
            ],
            check=True,
            capture_output=True,
            user=ACCOUNT,
            group=GROUP,
            env=server.environment,
        )
        server.start()
        try:
            with server.connect("postgres") as connection:
                connection.autocommit = True
                connection.execute(f"CREATE DATABASE {DATABASE}".encode())
            yield server
        finally:
            server.kill()
    finally:
        shutil.rmtree(directory, ignore_errors=True)


@contextlib.contextmanager
def standby(primary: Postgres) -> Generator[Postgres]:
    """Run a copy of the primary that follows it by streaming replication."""
    directory = Path(tempfile.mkdtemp(prefix="qudag-standby-"))
    try:
        server = Postgres(primary.binaries, directory, primary.environment)
        server.password_file.write_text(PASSWORD + "\n")
        _own(directory)
        source = f"host=127.0.0.1 port={primary.port} user={USER} password={PASSWORD}"
        subprocess.run(
            [
                *(server.binaries / "pg_basebackup", "-D", directory / "data", "-d", source),
                *("--write-recovery-conf", "--checkpoint=fast", "--no-sync"),
            ],
            check=True,
            capture_output=True,
            user=ACCOUNT,
            group=GROUP,
            env=server.environment,
        )
        server.start()
        try:
            yield server
        finally:
            server.kill()
    finally:
        shutil.rmtree(directory, ignore_errors=True)


def _reachable(binaries: Path, directory: Path) -> tuple[Path, Path, dict[str, str]]:
    """The binaries for `ACCOUNT`, `directory`, and the environment to run them in.

    Unpacked programs are in a cache that only root may read, so they are linked into `directory`.
    """
    environment = programs.environment()
    if ACCOUNT is None or programs.CACHE not in binaries.parents:
        return binaries, directory, environment
    root = directory / "programs"
    shutil.copytree(programs.CACHE, root, symlinks=True, copy_function=_link)
    environment["LD_LIBRARY_PATH"] = programs.LIBRARIES.replace(str(programs.CACHE), str(root))
    return root / binaries.relative_to(programs.CACHE), directory, environment


def _link(source: str, target: str) -> None:
    try:
        os.link(source, target, follow_symlinks=False)
    except OSError:  # another file system
        shutil.copy2(source, target, follow_symlinks=False)


def _own(directory: Path) -> None:
    if ACCOUNT is not None:
        for path in (directory, *directory.iterdir()):
            shutil.chown(path, ACCOUNT, GROUP)
