"""A listener that stops serves each connection that its clients have opened."""

from __future__ import annotations

import asyncio
import socket
import ssl
import struct
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
from starlette.responses import PlainTextResponse

from runtime.http_listener import Listener
from runtime.limits_config import LimitsSection
from tests.harness.certificates import Authority

REQUEST = b"GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
CONNECTIONS = 20


@dataclass(frozen=True)
class Listening:
    """A listener, and the address at which it accepts connections."""

    listener: Listener
    address: tuple[str, int]

    def opened(self) -> list[socket.socket]:
        """Connections that are open for their clients, while the event loop cannot accept them."""
        return [socket.create_connection(self.address, timeout=10) for _ in range(CONNECTIONS)]


@asynccontextmanager
async def listening(context: ssl.SSLContext | None = None) -> AsyncGenerator[Listening]:
    listener = Listener(PlainTextResponse("hello"), LimitsSection(), context)
    bound = socket.create_server(("127.0.0.1", 0))
    address = bound.getsockname()
    serving = asyncio.create_task(listener.serve([bound]))
    async with asyncio.timeout(10):
        while not listener.started:
            await asyncio.sleep(0)
    try:
        yield Listening(listener, address)
    finally:
        listener.should_exit = True
        await serving


async def answer(on: socket.socket, trusted: ssl.SSLContext | None = None) -> bytes:
    """What a client gets that sends its request only now."""
    name = "localhost" if trusted else None
    reader, writer = await asyncio.open_connection(sock=on, ssl=trusted, server_hostname=name)
    writer.write(REQUEST)
    async with asyncio.timeout(10):
        received = await reader.read()
    writer.close()
    return received


@pytest.mark.parametrize("secured", [False, True])
async def test_connections_that_wait_to_be_accepted_are_served(tmp_path: Path, secured: bool):
    server = client = None
    if secured:
        authority = Authority.at(tmp_path)
        server = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        server.load_cert_chain(*authority.issue("core", ("localhost",)))
        client = authority.trust()
    async with listening(server) as at:
        waiting = at.opened()
        at.listener.stop_accepting()
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection(at.address)
        for one in waiting:
            assert (await answer(one, client)).endswith(b"hello")


async def test_a_client_that_has_gone_keeps_no_other_from_being_served():
    async with listening() as at:
        gone, *waiting = at.opened()
        gone.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        gone.close()  # with a reset
        at.listener.stop_accepting()
        for one in waiting:
            assert (await answer(one)).endswith(b"hello")


async def test_a_listener_that_has_not_started_can_stop():
    Listener(PlainTextResponse("hello"), LimitsSection(), None).stop_accepting()
