"""A server that a function or container host runs, and the clients that call it."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
from collections.abc import AsyncGenerator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx2
from mcp import Client
from mcp.client.streamable_http import streamable_http_client

from .server import MODERN, PLAIN, initialize_request, modern_request
from .tokens import Issuer


@dataclass
class HostedServer:
    """A running server on any host.

    Attributes:
        base: base URL of `/mcp` and `/.well-known/…`.
        log_files: the log files of its processes.
    """

    base: str
    issuer: Issuer
    log_files: list[Path]
    token: str = field(init=False)

    def __post_init__(self) -> None:
        self.token = self.issuer.token()

    @property
    def url(self) -> str:
        """The URL of `/mcp`."""
        return f"{self.base}/mcp"

    @contextlib.asynccontextmanager
    async def client(self, era: str, token: str | None = None) -> AsyncGenerator[Client]:
        """Connect the official client in one era."""
        headers = {"authorization": f"Bearer {token or self.token}"}
        async with httpx2.AsyncClient(headers=headers, verify=PLAIN, timeout=30) as http:
            transport = streamable_http_client(self.url, http_client=http)
            async with Client(transport, mode=MODERN if era == "modern" else era) as client:
                yield client

    def post(self, body: bytes, era: str, token: str | None = "") -> httpx2.Response:
        """POST to `/mcp` with the headers of one era; `token` "" is a valid one, None is none."""
        headers = {
            "accept": "application/json, text/event-stream",
            "content-type": "application/json",
        }
        if era == "modern":
            headers |= {"mcp-protocol-version": MODERN, "mcp-method": "tools/list"}
        if token is not None:
            headers["authorization"] = f"Bearer {token or self.token}"
        return httpx2.post(self.url, content=body, headers=headers, verify=PLAIN, timeout=30)

    def get(self, url: str) -> httpx2.Response:
        """Send a GET request without a token."""
        return httpx2.get(url, verify=PLAIN, timeout=30)

    def opening(self, era: str) -> bytes:
        """The body of a valid first request of an era."""
        request = modern_request("tools/list") if era == "modern" else initialize_request()
        return json.dumps(request).encode()

    def requests(self) -> list[dict[str, Any]]:
        """The request log lines of all of its processes, ordered by time."""
        found: list[dict[str, Any]] = []
        for file in self.log_files:
            for line in file.read_text(errors="replace").splitlines():
                with contextlib.suppress(ValueError):
                    entry = json.loads(line[line.index("{") :])
                    if entry.get("event") == "request":
                        found.append(entry)
        return sorted(found, key=lambda entry: entry["time"])

    def outcomes(self, tool: str) -> list[str]:
        """The logged outcomes of a tool's calls."""
        return [str(entry.get("outcome")) for entry in self.requests() if entry.get("tool") == tool]


@dataclass
class Process:
    """A process of a host's program, with its log file."""

    arguments: list[str]
    environment: dict[str, str]
    folder: Path
    log_file: Path

    def __post_init__(self) -> None:
        with self.log_file.open("wb") as log:
            self.process = subprocess.Popen(
                self.arguments,
                cwd=self.folder,
                env=self.environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    def alive(self) -> bool:
        """Return True if it runs; else fail with its log."""
        if (status := self.process.poll()) is not None:
            raise AssertionError(f"ended with {status}: {self.log_file.read_text()[-3000:]}")
        return True

    def end(self) -> None:
        """Kill it and its worker processes."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()
