"""Runs a real Valkey or Redis on loopback, with TLS, a password and an append-only file."""

from __future__ import annotations

import contextlib
import subprocess
from collections.abc import Generator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from valkey import Valkey as Client
from valkey.exceptions import ConnectionError

from . import programs
from .certificates import Authority
from .server import free_port, until

PASSWORD = 'it\'s "only" for tests'


@dataclass
class Valkey:
    """A server that can be stopped and started again on the same data.

    Attributes:
        names, addresses: in its certificate.
    """

    directory: Path
    authority: Authority
    names: Sequence[str] = ("localhost",)
    addresses: Sequence[str] = ("127.0.0.1",)
    port: int = field(default_factory=free_port)
    process: subprocess.Popen[bytes] | None = None

    @property
    def password_file(self) -> Path:
        """The file for `password_file` of the configuration."""
        return self.directory / "password"

    def section(self) -> dict[str, Any]:
        """The `[redis]` section for a server.toml."""
        return {
            "host": "127.0.0.1",
            "port": self.port,
            "password_file": str(self.password_file),
            "ca_file": str(self.authority.ca_file),
        }

    def start(self) -> None:
        """Start it and wait until it answers."""
        certificate, key = self.authority.issue(
            f"valkey-{self.port}", self.names, addresses=self.addresses
        )
        password = self.password_file.read_text().replace("\\", "\\\\").replace('"', '\\"')
        configuration = self.directory / "valkey.conf"
        configuration.write_text(
            f"bind 127.0.0.1 127.0.0.2\nport 0\ntls-port {self.port}\ntls-auth-clients no\n"
            f'tls-cert-file {certificate}\ntls-key-file {key}\nrequirepass "{password}"\n'
            f"dir {self.directory}\nappendonly yes\nappendfsync always\n"
            "maxmemory-policy noeviction\n"
        )
        log = (self.directory / "valkey.log").open("ab")
        self.process = subprocess.Popen(
            [programs.required("valkey-server", "redis-server"), str(configuration)],
            cwd=self.directory,
            env=programs.environment(),
            stdout=log,
        )
        log.close()
        until(lambda: self.ask("PING") == "PONG")

    def stop(self) -> None:
        """Kill it; its data stay."""
        if self.process is not None:
            self.process.kill()
            self.process.wait()
            self.process = None

    def ask(self, *words: str) -> Any:
        """The answer to a command; None while it does not listen."""
        client: Any = Client(
            port=self.port,
            password=self.password_file.read_text().strip(),
            ssl=True,
            ssl_cert_reqs="none",
            decode_responses=True,
        )
        with contextlib.closing(client), contextlib.suppress(ConnectionError):
            answer = client.execute_command(*words)
            return "PONG" if answer is True else answer


@contextlib.contextmanager
def running(directory: Path, authority: Authority, **options: Any) -> Generator[Valkey]:
    """A started server; skips the test where there is no such program."""
    programs.required("valkey-server", "redis-server")
    directory.mkdir(exist_ok=True)
    server = Valkey(directory, authority, **options)
    server.password_file.write_text(PASSWORD)
    server.start()
    try:
        yield server
    finally:
        server.stop()
