"""Runs the reference server as a process, and connects the official client to it."""

from __future__ import annotations

import contextlib
import json
import os
import secrets
import signal
import socket
import ssl
import tempfile
import time
from collections import deque
from collections.abc import AsyncGenerator, Generator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import anyio
import httpx2
import tomli_w
from mcp import Client
from mcp.client.streamable_http import streamable_http_client
from mcp_types import CallToolResult, TextContent
from mcp_types.version import LATEST_HANDSHAKE_VERSION, LATEST_MODERN_VERSION

from .exported_metrics import value
from .processes import Program
from .tokens import AUDIENCE, ISSUER, Issuer

MODERN = LATEST_MODERN_VERSION
ERAS = ("modern", "legacy")
STARTS_WITHIN_SECONDS = 20


WORKERS = 8
"""More processes than run the tests of a tier."""
PORTS = range(
    11_000 + int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw")) % WORKERS,
    30_000,
    WORKERS,
)
"""Ports that no other process of this run takes.

They are below those of outgoing connections, which may take a port between its choice and its use.
"""
_LAST_PORTS: deque[int] = deque(maxlen=100)


def free_port() -> int:
    """A port of 127.0.0.1 that nothing listens on, and none of the last that this process got."""
    while True:
        port = PORTS[secrets.randbelow(len(PORTS))]
        if port in _LAST_PORTS:
            continue
        with socket.socket() as sock, contextlib.suppress(OSError):
            sock.bind(("127.0.0.1", port))
            _LAST_PORTS.append(port)
            return port


PLAIN = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
"""A context for plain HTTP: loading the system's authorities takes longer than a request."""


def fetch(url: str, verify: ssl.SSLContext = PLAIN, **options: Any) -> httpx2.Response:
    """Send a GET request over a new connection."""
    return httpx2.get(url, verify=verify, **options)


def until(condition: Any, within_seconds: float = 10) -> Any:
    """Wait for a truthy result of `condition()` and return it; fails after the time."""
    deadline = time.monotonic() + within_seconds
    while time.monotonic() < deadline:
        if result := condition():
            return result
        time.sleep(0.02)
    raise AssertionError(f"{condition} stayed false for {within_seconds} s")


async def eventually(condition: Any, within_seconds: float = 10) -> Any:
    """Like `until`, for tests that run on the event loop."""
    with anyio.fail_after(within_seconds):
        while not (result := condition()):
            await anyio.sleep(0.02)
    return result


def text_of(result: CallToolResult) -> str:
    """The first text block of a tool's result."""
    assert isinstance(result.content[0], TextContent)
    return result.content[0].text


def modern_request(method: str, **params: Any) -> dict[str, Any]:
    """A JSON-RPC request with the `_meta` of MCP 2026-07-28."""
    meta: dict[str, Any] = {
        "io.modelcontextprotocol/protocolVersion": MODERN,
        "io.modelcontextprotocol/clientCapabilities": {},
    }
    return {"jsonrpc": "2.0", "id": 7, "method": method, "params": {"_meta": meta} | params}


def initialize_request() -> dict[str, Any]:
    """The request that opens a legacy session."""
    params: dict[str, Any] = {
        "protocolVersion": LATEST_HANDSHAKE_VERSION,
        "capabilities": {},
        "clientInfo": {"name": "tests", "version": "1"},
    }
    return {"jsonrpc": "2.0", "id": 7, "method": "initialize", "params": params}


def settings(issuer: Issuer, **sections: Mapping[str, Any] | list[Any]) -> dict[str, Any]:
    """A server.toml for tests, as a mapping; `sections` override keys of it, or all of `[auth]`."""
    base: dict[str, Any] = {
        "server": {"host": "127.0.0.1", "port": free_port(), "metrics_port": free_port()},
        "protocol": {"longest_tool_seconds": 5, "drain_seconds": 8},
        "limits": {"messages_per_second": 0},
        "auth": {
            "issuer": ISSUER,
            # Ports differ from run to run, and with them the resource that a server derives.
            "additional_audiences": [AUDIENCE],
            "jwks_file": str(issuer.jwks_file),
        },
    }
    for name, section in sections.items():
        if isinstance(section, list):
            base[name] = section
        else:
            base[name] = dict(section) if name == "auth" else base.get(name, {}) | dict(section)
    return base


@dataclass
class RunningServer:
    """A running server process: its addresses, logs and exit status."""

    program: Program
    config: dict[str, Any]
    config_file: Path
    issuer: Issuer
    verify: ssl.SSLContext = PLAIN
    token: str = field(init=False)

    def __post_init__(self) -> None:
        self.token = self.issuer.token()

    @property
    def log_file(self) -> Path:
        """The file with its log events."""
        return self.config_file.with_suffix(".log")

    @property
    def base(self) -> str:
        """The URL of the port that serves MCP."""
        server = self.config["server"]
        if "tls_port" in server:
            return f"https://127.0.0.1:{server['tls_port']}"
        return f"http://127.0.0.1:{server['port']}"

    @property
    def plain(self) -> str:
        """The URL of the plain HTTP port."""
        return f"http://127.0.0.1:{self.config['server']['port']}"

    @property
    def metrics_url(self) -> str:
        """The URL of `/metrics`."""
        return f"http://127.0.0.1:{self.config['server']['metrics_port']}/metrics"

    def get(self, path: str, **options: Any) -> httpx2.Response:
        """Send a GET request to the MCP port."""
        return fetch(self.base + path, self.verify, **options)

    def post(
        self, body: Any, *, token: str | None = "", version: str | None = None, **headers: str
    ) -> httpx2.Response:
        """POST to `/mcp`; `token` "" is a valid one, None is none."""
        sent = {"accept": "application/json, text/event-stream", "content-type": "application/json"}
        if token is not None:
            sent["authorization"] = f"Bearer {token or self.token}"
        if version is not None:
            sent["mcp-protocol-version"] = version
        sent |= {name.replace("_", "-"): value for name, value in headers.items()}
        content = body if isinstance(body, bytes) else json.dumps(body).encode()
        return httpx2.post(f"{self.base}/mcp", content=content, headers=sent, verify=self.verify)

    @contextlib.asynccontextmanager
    async def client(
        self, era: str = "modern", token: str | None = None, **options: Any
    ) -> AsyncGenerator[Client]:
        """Connect the official client in an era (`modern`, `legacy`) or with `auto`."""
        mode = MODERN if era == "modern" else era
        headers = {"authorization": f"Bearer {token or self.token}"}
        timeout = httpx2.Timeout(30)
        async with httpx2.AsyncClient(headers=headers, verify=self.verify, timeout=timeout) as http:
            transport = streamable_http_client(f"{self.base}/mcp", http_client=http)
            async with Client(transport, mode=mode, **options) as client:
                yield client

    def post_modern(self, method: str, token: str | None = "", **params: Any) -> httpx2.Response:
        """POST a well-formed request of the modern era."""
        body = modern_request(method, **params)
        return self.post(body, token=token, version=MODERN, mcp_method=method)

    def metric(self, name: str, **labels: str) -> float:
        """The sum of a metric's samples with these labels; 0 if there are none."""
        return value(fetch(self.metrics_url).text, name, **labels)

    def log(self) -> list[dict[str, Any]]:
        """All logged events."""
        return [json.loads(line) for line in self.log_file.read_text().splitlines()]

    def events(self, name: str) -> list[dict[str, Any]]:
        """The logged events with this name."""
        return [entry for entry in self.log() if entry["event"] == name]

    def terminate(self) -> float:
        """Send SIGTERM; returns the time of sending."""
        self.program.signal(signal.SIGTERM)
        return time.monotonic()

    def exit_status(self, within_seconds: float = 15) -> int:
        """Wait for its end and return its exit status."""
        return self.program.wait(within_seconds)


@dataclass(frozen=True)
class Ended:
    """Exit status and output of a finished program."""

    status: int
    stdout: str
    stderr: str


def run_program(
    *arguments: str | Path,
    within_seconds: float = 30,
    environment: Mapping[str, str] | None = None,
) -> Ended:
    """Run the program to its end."""
    with tempfile.TemporaryDirectory() as directory:
        out, err = Path(directory, "out"), Path(directory, "err")
        program = Program([str(a) for a in arguments], out, err, environment)
        try:
            status = program.wait(within_seconds)
        finally:
            program.kill()
        return Ended(status, out.read_text(), err.read_text())


def write_config(directory: Path, config: Mapping[str, Any]) -> Path:
    """Write a server.toml into `directory`; returns the file."""
    path = directory / f"server-{config['server']['port']}.toml"
    path.write_text(tomli_w.dumps(dict(config)))
    return path


@contextlib.contextmanager
def serving(
    directory: Path,
    issuer: Issuer,
    verify: ssl.SSLContext = PLAIN,
    *,
    environment: Mapping[str, str] | None = None,
    **sections: Mapping[str, Any] | list[Any],
) -> Generator[RunningServer]:
    """Run a server and wait until it is ready; it is killed at the end."""
    config = settings(issuer, **sections)
    source = write_config(directory, config)
    program = Program(
        ["--config", str(source)],
        source.with_suffix(".out"),
        source.with_suffix(".log"),
        environment,
    )
    server = RunningServer(program, config, source, issuer, verify)
    try:
        until(lambda: _is_ready(server), STARTS_WITHIN_SECONDS)
        yield server
    finally:
        program.kill()


def _is_ready(server: RunningServer) -> bool:
    if server.program.exit_status is not None:
        raise AssertionError(f"the server ended: {server.log_file.read_text()}")
    try:
        return fetch(f"{server.plain}/ready").status_code == 200
    except httpx2.TransportError:
        return False
