"""Forwards each new connection to one of several ports, as a Service of Kubernetes does."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncGenerator
from dataclasses import dataclass, field

CHUNK = 65536


@dataclass
class Service:
    """A port in front of a server. Connections stay where they are when `behind` changes.

    Attributes:
        behind: the port that new connections go to.
        accepted: number of connections so far.
    """

    behind: int
    accepted: int = 0
    forwarding: set[asyncio.Task[None]] = field(default_factory=set[asyncio.Task[None]])

    def accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Forward a new connection."""
        task = asyncio.get_running_loop().create_task(self.forward(reader, writer))
        self.forwarding.add(task)
        task.add_done_callback(self.forwarding.discard)

    async def forward(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Pass one connection on, and its end in either direction."""
        self.accepted += 1
        try:
            to_reader, to_writer = await asyncio.open_connection("127.0.0.1", self.behind)
        except OSError:
            writer.transport.abort()
            return
        await asyncio.gather(_copied(reader, to_writer), _copied(to_reader, writer))
        for each in (writer, to_writer):
            each.close()


async def _copied(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(ConnectionError):
        while part := await reader.read(CHUNK):
            writer.write(part)
            await writer.drain()
    with contextlib.suppress(OSError):
        writer.write_eof()


@contextlib.asynccontextmanager
async def service(port: int, behind: int) -> AsyncGenerator[Service]:
    """Serve on `port` of this machine."""
    chosen = Service(behind)
    server = await asyncio.start_server(chosen.accept, "127.0.0.1", port, backlog=1024)
    try:
        yield chosen
    finally:
        server.close()
        for task in chosen.forwarding:
            task.cancel()
        await asyncio.gather(*chosen.forwarding, return_exceptions=True)
