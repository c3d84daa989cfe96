"""Network streams to other servers: deadlines, limits, and ends of connections."""

from __future__ import annotations

import asyncio
import contextlib
import ssl
from collections.abc import AsyncGenerator, Awaitable, Callable
from pathlib import Path

import httpcore2
import pytest

from delivery.local_certificates import new_authority, new_certificate
from runtime.federation.network import MOST_UNREAD, Network
from tests.harness.server import eventually

Serve = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]
BODY = bytes(range(256)) * 4096
assert len(BODY) > MOST_UNREAD


@pytest.fixture(scope="module")
def contexts(tmp_path_factory: pytest.TempPathFactory) -> tuple[ssl.SSLContext, ssl.SSLContext]:
    """TLS of a server, and of a client that trusts it."""
    folder: Path = tmp_path_factory.mktemp("tls")
    authority = new_authority()
    (folder / "ca.crt").write_bytes(authority.public)
    certificate, key = new_certificate(authority, ["127.0.0.1"])
    (folder / "tls.crt").write_bytes(certificate)
    (folder / "tls.key").write_bytes(key)
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(folder / "tls.crt", folder / "tls.key")
    return server, ssl.create_default_context(cafile=folder / "ca.crt")


class Target:
    """A server of one test, with or without TLS, and streams to it."""

    def __init__(self, contexts: tuple[ssl.SSLContext, ssl.SSLContext], *, tls: bool) -> None:
        self.contexts = contexts if tls else (None, None)
        self.accepted = 0

    @contextlib.asynccontextmanager
    async def serving(self, serve: Serve) -> AsyncGenerator[int]:
        async def one(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            self.accepted += 1
            with contextlib.suppress(OSError, asyncio.IncompleteReadError):
                await serve(reader, writer)
            writer.transport.abort()

        server = await asyncio.start_server(one, "127.0.0.1", 0, ssl=self.contexts[0])
        try:
            yield server.sockets[0].getsockname()[1]
        finally:
            server.close()

    async def stream(self, port: int) -> httpcore2.AsyncNetworkStream:
        stream = await Network().connect_tcp("127.0.0.1", port, timeout=5)
        if self.contexts[1] is not None:
            stream = await stream.start_tls(self.contexts[1], "127.0.0.1", timeout=5)
        return stream

    def pool(self) -> httpcore2.AsyncConnectionPool:
        return httpcore2.AsyncConnectionPool(
            ssl_context=self.contexts[1], network_backend=Network(), max_keepalive_connections=1
        )

    def url(self, port: int) -> str:
        return f"{'https' if self.contexts[1] else 'http'}://127.0.0.1:{port}/"


@pytest.fixture(params=[False, True], ids=["plain", "TLS"])
def target(
    request: pytest.FixtureRequest, contexts: tuple[ssl.SSLContext, ssl.SSLContext]
) -> Target:
    return Target(contexts, tls=request.param)


async def _answer(writer: asyncio.StreamWriter, body: bytes) -> None:
    writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n" % len(body) + body)
    await writer.drain()


async def test_long_bodies_arrive_whole_in_both_directions(target: Target):
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        assert b"content-length: %d" % len(BODY) in head.lower()
        await _answer(writer, (await reader.readexactly(len(BODY)))[::-1])
        await reader.read()

    async with target.serving(serve) as port, target.pool() as pool:
        answer = await pool.request("POST", target.url(port), content=BODY)
        assert answer.content == BODY[::-1]


async def test_a_connection_that_the_server_has_closed_is_not_used_again(target: Target):
    closing, ended = asyncio.Event(), asyncio.Event()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        for _ in range(2):
            await reader.readuntil(b"\r\n\r\n")
            await _answer(writer, b"ok")
        await closing.wait()
        writer.close()
        await ended.wait()

    async with target.serving(serve) as port, target.pool() as pool:
        for _ in range(2):
            assert (await pool.request("GET", target.url(port))).content == b"ok"
        assert target.accepted == 1
        (kept,) = pool.connections
        assert isinstance(kept, httpcore2.AsyncHTTPConnection)
        assert not kept.has_expired()
        closing.set()
        await eventually(kept.has_expired)
        closing.clear()
        assert (await pool.request("GET", target.url(port))).content == b"ok"
        ended.set()
    assert target.accepted == 2


async def test_what_nobody_reads_is_not_received_without_limit(target: Target):
    parts, sent = 32, 0
    waiting, ended = asyncio.Event(), asyncio.Event()

    async def serve(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal sent
        loop = asyncio.get_running_loop()
        while sent < parts * len(BODY):
            writer.write(BODY)
            sent += len(BODY)
            blocked = loop.call_later(0.2, waiting.set)
            await writer.drain()
            blocked.cancel()
        waiting.set()
        await ended.wait()

    async with target.serving(serve) as port:
        stream = await target.stream(port)
        await waiting.wait()
        assert sent < parts * len(BODY)
        got = 0
        while got < parts * len(BODY):
            got += len(await stream.read(65536))
        ended.set()


async def test_a_write_that_the_server_does_not_take_ends_at_its_deadline(target: Target):
    ended = asyncio.Event()

    async def serve(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.transport.pause_reading()  # type: ignore[attr-defined]
        await ended.wait()

    async with target.serving(serve) as port:
        stream = await target.stream(port)
        with pytest.raises(httpcore2.WriteTimeout):
            await stream.write(32 * BODY, timeout=0.1)
        await stream.aclose()
        ended.set()


async def test_a_closed_connection_is_an_error_to_write_and_an_end_to_read(target: Target):
    async def serve(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"bye")
        await writer.drain()

    async with target.serving(serve) as port:
        stream = await target.stream(port)
        assert await stream.read(100) == b"bye"
        assert await stream.read(100) == b""
        with pytest.raises(httpcore2.WriteError):
            await stream.write(b"x", timeout=1)


@pytest.mark.parametrize("ends", [True, False], ids=["ends", "is silent"])
async def test_a_server_that_does_not_finish_the_handshake_is_not_connected_to(
    contexts: tuple[ssl.SSLContext, ssl.SSLContext], *, ends: bool
):
    ended = asyncio.Event()

    async def serve(reader: asyncio.StreamReader, _: asyncio.StreamWriter) -> None:
        await reader.read(1)
        if not ends:
            await ended.wait()

    plain = Target(contexts, tls=False)
    async with plain.serving(serve) as port:
        stream = await plain.stream(port)
        with pytest.raises(httpcore2.ConnectError if ends else httpcore2.ConnectTimeout):
            await stream.start_tls(contexts[1], "127.0.0.1", timeout=5 if ends else 0.05)
        assert stream.get_extra_info("is_readable") or not ends
        ended.set()


async def test_a_port_that_nobody_listens_at_is_a_connect_error(target: Target):
    async def serve(_: asyncio.StreamReader, __: asyncio.StreamWriter) -> None:
        pass

    async with target.serving(serve) as port:
        pass
    with pytest.raises(httpcore2.ConnectError):
        await Network().connect_tcp("127.0.0.1", port, timeout=5)
