"""Runs a real Prometheus on loopback, behind TLS and a bearer token as a cluster's may be."""

from __future__ import annotations

import contextlib
import shutil
import ssl
import subprocess
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Generator, Mapping, Sequence
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import httpx2
import yaml

from .certificates import Authority
from .server import fetch, free_port, until

UNPACKED = Path("prometheus/usr/bin/prometheus")
"""Where tools/controllers/build puts it, below the folder of all its programs."""
TOKEN = "a-token-of-prometheus"


def program(unpacked_in: Path) -> Path | None:
    """The Prometheus of this machine, or the one that was unpacked."""
    installed = shutil.which("prometheus")
    found = Path(installed) if installed else unpacked_in / UNPACKED
    return found if found.exists() else None


@dataclass
class Prometheus:
    """A Prometheus that scrapes servers every second.

    Attributes:
        targets: pairs of a server's address and the labels of its series.
    """

    binary: Path
    folder: Path
    targets: Sequence[tuple[str, Mapping[str, str]]]
    port: int = field(default_factory=free_port)
    process: subprocess.Popen[bytes] | None = None

    @property
    def address(self) -> str:
        """Its own URL, without TLS and token."""
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> None:
        """Start it and wait until it has scraped every target."""
        configuration = self.folder / "prometheus.yaml"
        pods = [{"targets": [one], "labels": dict(labels)} for one, labels in self.targets]
        configuration.write_text(
            yaml.safe_dump(
                {
                    "global": {"scrape_interval": "1s"},
                    "scrape_configs": [{"job_name": "pods", "static_configs": pods}],
                }
            )
        )
        with (self.folder / "prometheus.log").open("ab") as log:
            self.process = subprocess.Popen(
                [
                    self.binary,
                    f"--config.file={configuration}",
                    f"--storage.tsdb.path={self.folder / 'series'}",
                    f"--web.listen-address=127.0.0.1:{self.port}",
                ],
                stdout=log,
                stderr=log,
            )
        until(self._scrapes, 60)

    def stop(self) -> None:
        """End it; its series stay."""
        if self.process is not None:
            self.process.terminate()
            self.process.wait(30)
            self.process = None

    def value(self, query: str) -> float | None:
        """The value of a query's only series; None without one."""
        answer = fetch(f"{self.address}/api/v1/query?{urllib.parse.urlencode({'query': query})}")
        series: list[dict[str, Any]] = answer.json()["data"]["result"]
        return float(series[0]["value"][1]) if series else None

    def _scrapes(self) -> bool:
        assert self.process is not None
        assert self.process.poll() is None, (self.folder / "prometheus.log").read_text()
        try:
            return self.value("sum(up)") == len(self.targets)
        except (httpx2.TransportError, ValueError, KeyError):
            return False


class _Guarded(BaseHTTPRequestHandler):
    """Passes requests with the token to Prometheus, and answers others with 401."""

    behind: Prometheus
    refused: list[str]

    def do_GET(self) -> None:
        given = self.headers.get("authorization", "")
        if given != f"Bearer {TOKEN}":
            self.refused.append(self.path)
            return self._answer(401, b"no token")
        try:
            with urllib.request.urlopen(self.behind.address + self.path, timeout=5) as answer:
                self._answer(answer.status, answer.read())
        except urllib.error.HTTPError as error:
            self._answer(error.code, error.read())
        except OSError:
            self._answer(502, b"prometheus does not answer")

    def _answer(self, status: int, body: bytes) -> None:
        self.send_response(status)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:
        """Says nothing."""


@dataclass(frozen=True)
class Guard:
    """TLS and a token in front of Prometheus.

    Attributes:
        refused: paths of the requests without the token.
    """

    port: int
    refused: list[str]

    @property
    def address(self) -> str:
        """The URL for ``observability.prometheus.address``."""
        return f"https://localhost:{self.port}"


@contextlib.contextmanager
def guarded(behind: Prometheus, authority: Authority) -> Generator[Guard]:
    """Serve Prometheus over TLS to those who send the token."""
    refused: list[str] = []
    handler = type("Guarded", (_Guarded,), {"behind": behind, "refused": refused})
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(*authority.issue("guard"))
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        server.daemon_threads = True
        server.socket = context.wrap_socket(server.socket, server_side=True)
        Thread(target=server.serve_forever, daemon=True).start()
        yield Guard(server.server_port, refused)
        server.shutdown()
