"""The load generator of the serving bench: a minimal HTTP/1.1 client over TLS, in its own process.

Its CPU time must not count as the server's, and a library's client would use more than nginx. It
gets its job as JSON, runs a step for each line on its standard input, and prints each result as a
line of JSON.
"""

from __future__ import annotations

import asyncio
import itertools
import json
import ssl
import sys
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

OPENING_AT_ONCE = 32
"""Number of streams that are opened at the same time."""


@dataclass(frozen=True, kw_only=True)
class Ask:
    """A request, and a text that a correct answer contains."""

    name: str
    port: int
    request: str
    expected: str


class Connection:
    """A keep-alive connection."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer

    @classmethod
    async def to(cls, port: int, trust: ssl.SSLContext) -> Connection:
        return cls(*await asyncio.open_connection("127.0.0.1", port, ssl=trust))

    async def ask(self, ask: Ask) -> None:
        """Send the request and read its answer.

        Raises:
            ValueError: the answer is not the expected one.
        """
        self.writer.write(ask.request.encode())
        head = (await self.reader.readuntil(b"\r\n\r\n")).decode()
        said = head + (await self._body(head.lower())).decode()
        if ask.expected not in said:
            raise ValueError(f"{ask.name}: {said}")

    async def _body(self, head: str) -> bytes:
        if "transfer-encoding: chunked" not in head:
            length = head.partition("content-length: ")[2].partition("\r\n")[0]
            return await self.reader.readexactly(int(length))
        chunks: list[bytes] = []
        while chunk := await self.chunk():
            chunks.append(chunk)
        return b"".join(chunks)

    async def chunk(self) -> bytes:
        """Read the next chunk of a chunked body; empty at its end."""
        size = int(await self.reader.readuntil(b"\r\n"), 16)
        return (await self.reader.readexactly(size + 2))[:-2]

    def close(self) -> None:
        self.writer.close()


@dataclass
class Stream:
    """An open stream, and how it ended."""

    connection: Connection
    ended: str | None = None

    @classmethod
    async def open(cls, ask: Ask, trust: ssl.SSLContext) -> Stream:
        connection = await Connection.to(ask.port, trust)
        connection.writer.write(ask.request.encode())
        head = await connection.reader.readuntil(b"\r\n\r\n")
        first = await connection.chunk()
        while first.startswith(b":"):  # a comment, by which a busy server keeps the stream open
            first = await connection.chunk()
        if ask.expected.encode() not in first:
            raise ValueError(f"{ask.name}: {head + first}")
        return cls(connection)

    async def follow(self) -> None:
        """Read until the server ends the stream (``whole``) or it breaks (``cut``)."""
        try:
            while await self.connection.chunk():
                pass
            self.ended = "whole"
        except (OSError, EOFError, ValueError):
            self.ended = "cut"


async def latencies(asks: list[Ask], rounds: int, trust: ssl.SSLContext) -> dict[str, list[float]]:
    """Seconds of each request, sent one at a time.

    The requests alternate in both orders, so that noise and warm caches affect all of them.
    """
    connections = [await Connection.to(ask.port, trust) for ask in asks]
    seconds: dict[str, list[float]] = {ask.name: [] for ask in asks}
    turns = list(zip(asks, connections, strict=True))
    for _ in range(rounds):
        turns.reverse()
        for ask, connection in turns:
            began = time.perf_counter()
            await connection.ask(ask)
            seconds[ask.name].append(time.perf_counter() - began)
    for connection in connections:
        connection.close()
    return seconds


async def rate(ask: Ask, requests: int, at_once: int, trust: ssl.SSLContext) -> float:
    """Requests per second over ``at_once`` connections that are never idle."""
    connections = [await Connection.to(ask.port, trust) for _ in range(at_once)]
    left = itertools.repeat(ask, requests)

    async def work(connection: Connection) -> None:
        for each in left:
            await connection.ask(each)

    began = time.perf_counter()
    await asyncio.gather(*map(work, connections))
    took = time.perf_counter() - began
    for connection in connections:
        connection.close()
    return requests / took


async def streams(ask: Ask, wanted: int, trust: ssl.SSLContext) -> list[Stream]:
    """Open streams, each of which has received its first event."""
    gate = asyncio.Semaphore(OPENING_AT_ONCE)

    async def opened() -> Stream:
        async with gate:
            return await Stream.open(ask, trust)

    return await asyncio.gather(*(opened() for _ in range(wanted)))


async def work(
    job: dict[str, Any], told: Callable[[], Awaitable[object]], say: Callable[[Any], None]
) -> None:
    """Run all steps in order, each when a line arrives."""
    await told()
    trust = ssl.create_default_context(cafile=job["ca_file"])
    asks = [Ask(**ask) for ask in job["asks"]]
    await latencies(asks, job["warm_up"], trust)
    began = time.process_time()
    found = await latencies(asks, job["requests"], trust)
    own = (time.process_time() - began) / job["requests"] / len(asks)
    say({"seconds": found, "client_seconds": own})
    await told()
    rates = {a.name: await rate(a, job["requests"], job["at_once"], trust) for a in asks}
    say({"rates": rates})
    await told()
    held = await streams(Ask(**job["stream"]), job["streams"], trust)
    following = [asyncio.create_task(stream.follow()) for stream in held]
    say({"opened": len(held)})
    await told()
    loaded = await latencies(asks[-1:], job["requests"], trust)
    say({"seconds": loaded[asks[-1].name], "alive": sum(s.ended is None for s in held)})
    await told()
    await asyncio.gather(*following)
    say({"whole": sum(s.ended == "whole" for s in held)})


async def main() -> None:
    loop = asyncio.get_running_loop()
    await work(
        json.loads(sys.argv[1]),
        told=lambda: loop.run_in_executor(None, sys.stdin.readline),
        say=lambda result: print(json.dumps(result), flush=True),
    )


if __name__ == "__main__":
    asyncio.run(main())
