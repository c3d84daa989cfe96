"""Runs the official MCP conformance suite, and published servers for it to examine."""

from __future__ import annotations

import contextlib
import os
import platform
import re
import subprocess
from collections.abc import Generator
from pathlib import Path

import httpx2
import pytest

from .server import fetch, until

CACHE = Path(os.environ.get("QUDAG_MCP_CACHE", Path.home() / ".cache/qudag-mcp"))
SUITE = CACHE / "conformance"
SERVERS = CACHE / "stdio-servers"
MACHINES = {"x86_64": "x64", "aarch64": "arm64"}
_RESULT = re.compile(r"[✓✗] ([a-z0-9-]+): ([0-9]+) passed, ([0-9]+) failed")


def published(path: str) -> str:
    """A file of the published servers; skips where they are not installed."""
    if not (SERVERS / ".done").is_file():
        pytest.skip("no stdio servers on this machine; get them with tools/stdio-servers")
    return str(SERVERS / path)


def node() -> Path:
    """The Node.js that the suite wants; skips where it is not installed."""
    program = SUITE / f"node_modules/node-linux-{MACHINES.get(platform.machine(), 'x64')}/bin/node"
    if not (SUITE / ".done").is_file() or not program.is_file():
        pytest.skip("no conformance suite on this machine; get it with tools/conformance")
    return program


def examined(url: str, folder: Path, *options: str) -> subprocess.CompletedProcess[str]:
    """Run scenarios of the suite against the server at the URL."""
    program = SUITE / "node_modules/@modelcontextprotocol/conformance/dist/index.js"
    return subprocess.run(
        [node(), program, "server", "--url", url, *options],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )


def results(url: str, folder: Path) -> dict[str, tuple[int, int]]:
    """For each scenario of the suite, how many of its checks passed and how many failed."""
    ran = examined(url, folder)
    found = {name: (int(good), int(bad)) for name, good, bad in _RESULT.findall(ran.stdout)}
    assert found, ran.stdout + ran.stderr
    return found


@contextlib.contextmanager
def everything(number: int, log: Path) -> Generator[str]:
    """Run `server-everything` with Streamable HTTP, unchanged, on this port; yields its URL."""
    program = published("node_modules/@modelcontextprotocol/server-everything/dist/index.js")
    url = f"http://127.0.0.1:{number}/mcp"

    def answers() -> bool:
        assert running.poll() is None, log.read_text()
        try:
            return fetch(url).status_code == 400  # there is no session yet
        except httpx2.ConnectError:
            return False

    with (
        log.open("w") as written,
        subprocess.Popen(
            [node(), program, "streamableHttp"],
            env=os.environ | {"PORT": str(number)},
            stdout=written,
            stderr=written,
        ) as running,
    ):
        try:
            until(answers, 30)
            yield url
        finally:
            running.kill()
