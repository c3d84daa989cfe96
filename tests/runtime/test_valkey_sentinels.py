"""A server finds its Valkey through real Sentinels, and follows them to another primary."""

from __future__ import annotations

import contextlib
import gc
import subprocess
import time
from collections.abc import AsyncGenerator, Generator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from valkey import Valkey as Client
from valkey.exceptions import ValkeyError

from runtime.redis_config import RedisSection
from runtime.state import Session
from runtime.stores.valkey import ValkeySessions
from runtime.valkey_client import check_redis, close
from tests.harness import programs
from tests.harness.server import free_port, until


@dataclass
class Program:
    """A Valkey or a Sentinel without a password, on loopback."""

    port: int
    process: subprocess.Popen[bytes]

    def ask(self, *words: str) -> Any:
        """The answer to a command; None while it does not listen."""
        client: Any = Client(port=self.port, decode_responses=True)
        with contextlib.closing(client), contextlib.suppress(ValkeyError):
            return client.execute_command(*words)


@contextlib.contextmanager
def started(directory: Path, name: str, settings: str, *options: str) -> Generator[Program]:
    server = programs.required("valkey-server", "redis-server")
    number = free_port()
    file = directory / f"{name}.conf"
    file.write_text(f"port {number}\nbind 127.0.0.1\nprotected-mode no\n{settings}")
    process = subprocess.Popen(
        [server, str(file), *options],
        cwd=directory,
        env=programs.environment(),
        stdout=subprocess.DEVNULL,
    )
    program = Program(number, process)
    try:
        until(lambda: program.ask("PING") is not None)
        yield program
    finally:
        process.kill()
        process.wait()


@pytest.fixture(scope="module")
def primary(tmp_path_factory: pytest.TempPathFactory) -> Generator[Program]:
    with started(tmp_path_factory.mktemp("primary"), "primary", 'save ""\n') as found:
        yield found


@pytest.fixture(scope="module")
def sentinel(tmp_path_factory: pytest.TempPathFactory, primary: Program) -> Generator[Program]:
    settings = f"sentinel monitor primary 127.0.0.1 {primary.port} 1\n"
    directory = tmp_path_factory.mktemp("sentinel")
    with started(directory, "sentinel", settings, "--sentinel") as found:
        yield found


def section(*ports: int) -> RedisSection:
    return RedisSection(host="unused", sentinels=tuple(f"127.0.0.1:{port}" for port in ports))


@contextlib.asynccontextmanager
async def store(*ports: int) -> AsyncGenerator[ValkeySessions]:
    found = ValkeySessions(section(*ports), "mcp:")
    yield found
    await close(found.client)


def session(name: str = "s-1") -> Session:
    return Session(
        session_id=name,
        user_id="ada",
        protocol_version="2025-11-25",
        expires_at=int(time.time()) + 100,
    )


async def test_sessions_are_kept_at_the_primary_that_the_sentinels_name(
    primary: Program, sentinel: Program
):
    async with store(sentinel.port) as found:
        assert await found.open(session(), 5)
    assert primary.ask("EXISTS", "mcp:session:s-1") == 1


async def test_a_sentinel_that_does_not_answer_is_passed_over(sentinel: Program):
    async with store(free_port(), sentinel.port) as found:
        assert await found.find("s-0") is None


async def test_without_a_sentinel_a_call_fails_at_once():
    async with store(free_port(), free_port()) as found:
        began = time.monotonic()
        with pytest.raises(ValkeyError, match="No master found"):
            await found.find("s-1")
        assert time.monotonic() - began < 5


async def test_checks_close_their_connections(sentinel: Program, recwarn: pytest.WarningsRecorder):
    gc.collect()  # what other tests have left
    recwarn.clear()
    for _ in range(3):
        await check_redis(section(sentinel.port))
    gc.collect()
    assert [each.message for each in recwarn if each.category is ResourceWarning] == []
