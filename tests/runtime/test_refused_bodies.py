"""A refusal waits for a small body that is on its way, and for nothing else."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Generator

import pytest

from tests.harness.server import RunningServer, serving
from tests.harness.tokens import Issuer

LATE_SECONDS = 0.3
AT_ONCE_SECONDS = 0.25
"""Less than the body is late; a server that does not wait answers in a few milliseconds."""
LENGTH = "Content-Length: 2"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory, issuer: Issuer) -> Generator[RunningServer]:
    with serving(tmp_path_factory.mktemp("refused"), issuer) as server:
        yield server


async def refused_after(server: RunningServer, head: str, *parts: bytes) -> float:
    """Seconds until a request without a token is refused; its body is sent in late parts."""
    reader, writer = await asyncio.open_connection("127.0.0.1", server.config["server"]["port"])
    began = time.monotonic()
    refusal = asyncio.create_task(reader.readline())
    writer.write(f"POST /mcp HTTP/1.1\r\nHost: 127.0.0.1\r\n{head}\r\n\r\n".encode())
    for part in parts:
        await asyncio.wait([refusal], timeout=LATE_SECONDS)
        writer.write(part)
    async with asyncio.timeout(10):
        line = await refusal
    writer.close()
    assert line.split()[1] == b"401"
    return time.monotonic() - began


@pytest.mark.parametrize(
    ("head", "parts"),
    [
        (LENGTH, [b"{}"]),
        (LENGTH, [b"{", b"}"]),
        ("Content-Length: 65536", [b" " * 65536]),
        ("Transfer-Encoding: chunked", [b"2\r\n{}\r\n", b"0\r\n\r\n"]),
    ],
    ids=["late", "in two late parts", "64 KiB", "chunked"],
)
async def test_a_refusal_waits_for_a_small_body(
    server: RunningServer, head: str, parts: list[bytes]
) -> None:
    assert await refused_after(server, head, *parts) >= len(parts) * LATE_SECONDS


@pytest.mark.parametrize(
    "head",
    [
        "Content-Length: 0",
        "Content-Length: 65537",
        f"{LENGTH}\r\nExpect: 100-continue",
        "X-No-Body: 1",
    ],
)
async def test_a_refusal_waits_for_no_other_body(server: RunningServer, head: str) -> None:
    times = [await refused_after(server, head) for _ in range(3)]
    assert min(times) < AT_ONCE_SECONDS


@pytest.mark.parametrize("head", [LENGTH, "Transfer-Encoding: chunked"])
async def test_a_body_that_never_comes_delays_a_refusal_by_a_second(
    server: RunningServer, head: str
) -> None:
    assert 1 <= await refused_after(server, head) < 3


async def test_a_chunked_body_is_awaited_up_to_64_kib(server: RunningServer) -> None:
    chunk = b"10000\r\n" + b" " * 65536 + b"\r\n"
    times = [
        await refused_after(server, "Transfer-Encoding: chunked", chunk) - LATE_SECONDS
        for _ in range(3)
    ]
    assert 0 <= min(times) < AT_ONCE_SECONDS
