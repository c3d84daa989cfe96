"""`/ready` reports the state of a real Valkey or Redis."""

from __future__ import annotations

import socket
import subprocess
from collections.abc import Generator
from pathlib import Path

import pytest

from tests.harness import programs
from tests.harness.server import RunningServer, free_port, serving, until
from tests.harness.tokens import Issuer


@pytest.fixture
def port(tmp_path: Path) -> Generator[int]:
    number = free_port()
    process = subprocess.Popen(
        [
            programs.required("valkey-server", "redis-server"),
            *("--port", str(number), "--bind", "127.0.0.1", "--save", "", "--requirepass", "right"),
        ],
        cwd=tmp_path,
        env=programs.environment(),
        stdout=subprocess.DEVNULL,
    )
    try:
        until(lambda: listens(number))
        yield number
    finally:
        process.kill()
        process.wait()


def listens(number: int) -> bool:
    with socket.socket() as sock:
        return sock.connect_ex(("127.0.0.1", number)) == 0


@pytest.mark.parametrize(("password", "state"), [("right", "reachable"), ("wrong", "unreachable")])
def test_a_cache_that_answers_is_reachable_and_one_that_refuses_is_not(
    tmp_path: Path, issuer: Issuer, port: int, password: str, state: str
):
    (tmp_path / "password").write_text(password + "\n")
    redis = {"host": "127.0.0.1", "port": port, "password_file": str(tmp_path / "password")}
    with serving(tmp_path, issuer, redis=redis) as server:
        until(lambda: reported(server) == state)
        assert server.metric("mcp_dependency_up", dependency="redis") == (state == "reachable")


def reported(server: RunningServer) -> str:
    return server.get("/ready").json()["dependencies"]["redis"]
