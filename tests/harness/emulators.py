"""Emulators of the clouds' table stores, each a Node.js process on loopback."""

from __future__ import annotations

import contextlib
import os
import subprocess
from collections.abc import Generator, Sequence
from pathlib import Path
from shutil import which

import pytest

from .server import free_port

_CACHE = Path(os.environ.get("QUDAG_MCP_CACHE", Path.home() / ".cache/qudag-mcp")) / "emulators"
_AZURITE = _CACHE / "node_modules/azurite/dist/src/table/main.js"
_FIRESTORE = """
const { FirestoreServer } = require("@firestore-emulator/server");
const { ServerCredentials } = require("@grpc/grpc-js");
new FirestoreServer({}).server.bindAsync(
  process.argv[1], ServerCredentials.createInsecure(), () => console.log("successfully started"));
"""
"""Its own `start()` would listen on every address."""


@contextlib.contextmanager
def azurite() -> Generator[str]:
    """Azurite, the emulator of Azure Table Storage; yields the endpoint of its account."""
    port = str(free_port())
    program = [str(_AZURITE), "--tableHost", "127.0.0.1", "--tablePort", port]
    with _running([*program, "--inMemoryPersistence", "--disableTelemetry"]):
        yield f"http://127.0.0.1:{port}/devstoreaccount1"


@contextlib.contextmanager
def firestore() -> Generator[str]:
    """The Firestore emulator @firestore-emulator/server; yields `host:port`."""
    address = f"127.0.0.1:{free_port()}"
    with _running(["-e", _FIRESTORE, address]):
        yield address


@contextlib.contextmanager
def _running(program: Sequence[str]) -> Generator[None]:
    """Run a program while the block runs; enters the block when the program reports its start."""
    node = which("node")
    if node is None or not (_CACHE / ".done").exists():
        pytest.skip("no emulators on this machine; get them with tools/emulators (needs Node.js)")
    child = subprocess.Popen(
        [node, *program],
        env={**os.environ, "NODE_PATH": str(_CACHE / "node_modules")},
        stdout=subprocess.PIPE,
        text=True,
    )
    assert child.stdout is not None
    try:
        if not any("successfully started" in line for line in child.stdout):
            raise AssertionError("it ended before it listened")
        yield
    finally:
        child.kill()
        child.wait()
