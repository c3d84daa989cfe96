"""Runs `qudag-mcp-server bridge` as a process, and connects the official client to it."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import sys
import time
from collections.abc import AsyncGenerator, Generator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx2
from mcp import Client
from mcp.client.streamable_http import streamable_http_client

from .processes import Program
from .server import MODERN, PLAIN, fetch, free_port, initialize_request, modern_request, until

FAULTS = Path(__file__).with_name("stdio_program.py")
STARTS_WITHIN_SECONDS = 30


@dataclass
class RunningBridge:
    """A running bridge: its address, its log and its exit status."""

    program: Program
    port: int
    path: str
    metrics_port: int
    timeout: float = 30

    @property
    def base(self) -> str:
        """The URL of the port."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def url(self) -> str:
        """The URL of MCP."""
        return self.base + self.path

    def ready(self) -> httpx2.Response:
        """The response of `/ready`."""
        return fetch(f"{self.base}/ready")

    def post(
        self,
        body: Any,
        *,
        session: str | None = None,
        version: str | None = None,
        **headers: str,
    ) -> httpx2.Response:
        """POST a message."""
        sent = {"accept": "application/json, text/event-stream", "content-type": "application/json"}
        if session is not None:
            sent["mcp-session-id"] = session
        if version is not None:
            sent["mcp-protocol-version"] = version
        sent |= {name.replace("_", "-"): value for name, value in headers.items()}
        content = body if isinstance(body, bytes) else json.dumps(body).encode()
        return httpx2.post(
            self.url, content=content, headers=sent, verify=PLAIN, timeout=self.timeout
        )

    def open_session(self, **headers: str) -> str:
        """Open a legacy session; returns its id."""
        answer = self.post(initialize_request(), **headers)
        assert answer.status_code == 200, answer.text
        key = answer.headers["mcp-session-id"]
        told = {"jsonrpc": "2.0", "method": "notifications/initialized"}
        assert self.post(told, session=key, **headers).status_code == 202
        return key

    def end_session(self, session: str, **headers: str) -> httpx2.Response:
        """DELETE a legacy session."""
        sent = {"mcp-session-id": session} | {k.replace("_", "-"): v for k, v in headers.items()}
        return httpx2.delete(self.url, headers=sent, verify=PLAIN)

    def call(self, session: str, tool: str, number: int = 1, **arguments: Any) -> dict[str, Any]:
        """Call a tool in a legacy session; returns the response message."""
        params = {"name": tool, "arguments": arguments}
        body = {"jsonrpc": "2.0", "id": number, "method": "tools/call", "params": params}
        return messages(self.post(body, session=session))[-1]

    def call_modern(self, tool: str, **arguments: Any) -> dict[str, Any]:
        """Call a tool in the modern era; returns the response message."""
        return messages(self.post_modern("tools/call", name=tool, arguments=arguments))[-1]

    def post_modern(self, method: str, **params: Any) -> httpx2.Response:
        """POST a well-formed request of the modern era."""
        named = {"mcp_name": params["name"]} if "name" in params else {}
        body = modern_request(method, **params)
        return self.post(body, version=MODERN, mcp_method=method, **named)

    @contextlib.asynccontextmanager
    async def client(self, era: str, **options: Any) -> AsyncGenerator[Client]:
        """Connect the official client in an era (`modern`, `legacy`) or with `auto`."""
        mode = MODERN if era == "modern" else era
        async with httpx2.AsyncClient(verify=PLAIN, timeout=httpx2.Timeout(30)) as http:
            transport = streamable_http_client(self.url, http_client=http)
            async with Client(transport, mode=mode, **options) as client:
                yield client

    def log(self) -> list[dict[str, Any]]:
        """All logged events; every line must be JSON."""
        lines = self.program.stderr.read_text().splitlines(keepends=True)
        return [json.loads(line) for line in lines if line.endswith("\n")]

    def events(self, name: str) -> list[dict[str, Any]]:
        """The logged events with this name."""
        return [entry for entry in self.log() if entry["event"] == name]

    def children(self) -> list[int]:
        """Process ids of the programs that run now."""
        started = {entry["child"]: entry["pid"] for entry in self.events("program_started")}
        return [pid for pid in started.values() if alive(pid)]

    def terminate(self) -> float:
        """Send SIGTERM; returns the time of sending."""
        self.program.signal(signal.SIGTERM)
        return time.monotonic()


def alive(pid: int) -> bool:
    """Whether a process runs; one that has ended and is not collected does not."""
    try:
        status = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return False
    return status != "Z"


def messages(answer: httpx2.Response) -> list[dict[str, Any]]:
    """The JSON-RPC messages of a response: of its events, or its body."""
    if answer.headers.get("content-type", "").startswith("text/event-stream"):
        lines = answer.text.splitlines()
        return [json.loads(line[5:]) for line in lines if line.startswith("data:")]
    return [answer.json()]


def text(message: Mapping[str, Any]) -> str:
    """The first text of a tool's result in a response message."""
    assert "result" in message, message
    return message["result"]["content"][0]["text"]


def faults(*flags: str) -> list[str]:
    """The command of the program with faults."""
    return [sys.executable, "-S", str(FAULTS), *flags]


@contextlib.contextmanager
def bridging(
    directory: Path,
    command: list[str],
    *,
    wait: bool = True,
    environment: Mapping[str, str] | None = None,
    **options: Any,
) -> Generator[RunningBridge]:
    """Run a bridge and wait until it is ready; it is ended at the end."""
    port = free_port()
    metrics = free_port()
    given = {"host": "127.0.0.1", "port": port, "metrics_port": metrics, "stop_seconds": 1}
    chosen = given | options
    arguments = [
        part for name, v in chosen.items() for part in (f"--{name.replace('_', '-')}", str(v))
    ]
    program = Program(
        ["bridge", *arguments, "--", *command],
        directory / f"bridge-{port}.out",
        directory / f"bridge-{port}.log",
        environment,
    )
    bridge = RunningBridge(program, port, str(chosen.get("path", "/mcp")), metrics)
    try:
        until(lambda: _answers(bridge, 200 if wait else None), STARTS_WITHIN_SECONDS)
        yield bridge
    finally:
        program.kill()
        for pid in bridge.children():
            with contextlib.suppress(ProcessLookupError):
                os.killpg(pid, signal.SIGKILL)


def _answers(bridge: RunningBridge, status: int | None) -> bool:
    if bridge.program.exit_status is not None:
        raise AssertionError(f"the bridge ended: {bridge.program.stderr.read_text()}")
    try:
        return bridge.ready().status_code == (status or bridge.ready().status_code)
    except httpx2.TransportError:
        return False
