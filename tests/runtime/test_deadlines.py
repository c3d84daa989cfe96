"""Every listener closes connections of slow clients at the deadlines."""

from __future__ import annotations

import asyncio
import contextlib
import json
import socket
import ssl
from collections.abc import Generator

import pytest

from tests.harness.certificates import Authority
from tests.harness.server import RunningServer, free_port, modern_request, serving
from tests.harness.tokens import Issuer

LIMITS = {
    "handshake_seconds": 0.6,
    "header_seconds": 0.6,
    "body_seconds": 0.6,
    "idle_seconds": 1,
    "send_seconds": 1,
    "messages_per_second": 0,
}
CLOSED_WITHIN_SECONDS = 8
PORTS = ("tls_port", "port", "metrics_port")
PATHS = {"tls_port": b"/health", "port": b"/health", "metrics_port": b"/metrics"}


@pytest.fixture(scope="module")
def timed(tmp_path_factory: pytest.TempPathFactory, issuer: Issuer) -> Generator[RunningServer]:
    directory = tmp_path_factory.mktemp("timed")
    authority = Authority.at(directory)
    certificate, key = authority.issue()
    section = {"tls_port": free_port(), "tls_cert": str(certificate), "tls_key": str(key)}
    with serving(directory, issuer, authority.trust(), server=section, limits=LIMITS) as server:
        yield server


class Client:
    """A raw connection to one port of the server."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer

    @classmethod
    async def to(cls, server: RunningServer, port: str) -> Client:
        context = server.verify if port == "tls_port" else None
        number = server.config["server"][port]
        return cls(*await asyncio.open_connection("127.0.0.1", number, ssl=context))

    async def end(self) -> bytes:
        """What arrives until the server closes the connection; fails if it does not."""
        try:
            async with asyncio.timeout(CLOSED_WITHIN_SECONDS):
                return await self.reader.read()
        finally:
            self.writer.close()


@pytest.mark.parametrize("port", PORTS)
async def test_a_connection_that_sends_nothing_is_closed(timed: RunningServer, port: str):
    client = await Client.to(timed, port)
    assert await client.end() == b""


@pytest.mark.parametrize("port", PORTS)
async def test_headers_that_do_not_end_are_answered_408_and_closed(timed: RunningServer, port: str):
    client = await Client.to(timed, port)
    client.writer.write(b"GET /health HTTP/1.1\r\nHost: 127.0.0.1\r\n")
    trickle = asyncio.create_task(dripping(client, b"X"))
    answer = await client.end()
    trickle.cancel()
    assert answer.startswith(b"HTTP/1.1 408 ")
    assert json.loads(answer.partition(b"\r\n\r\n")[2])["error"]["message"]


@pytest.mark.parametrize("port", PORTS)
async def test_a_second_request_that_does_not_end_is_closed(timed: RunningServer, port: str):
    client = await Client.to(timed, port)
    client.writer.write(b"GET " + PATHS[port] + b" HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\nGET /hea")
    answer = await client.end()
    assert answer.startswith(b"HTTP/1.1 200 ")
    assert b"HTTP/1.1 408 " in answer


@pytest.mark.parametrize("port", PORTS)
async def test_an_idle_connection_is_closed_after_its_answer(timed: RunningServer, port: str):
    client = await Client.to(timed, port)
    client.writer.write(b"GET " + PATHS[port] + b" HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
    answer = await client.end()
    assert answer.startswith(b"HTTP/1.1 200 ")
    assert b"408" not in answer.partition(b"\r\n")[0]


async def test_a_slow_body_is_answered_408_and_closed(timed: RunningServer):
    client = await Client.to(timed, "tls_port")
    client.writer.write(head(timed, 10_000) + b"{")
    trickle = asyncio.create_task(dripping(client, b" "))
    answer = await client.end()
    trickle.cancel()
    assert answer.startswith(b"HTTP/1.1 408 ")


async def test_a_slow_body_of_a_refused_request_is_closed(timed: RunningServer):
    client = await Client.to(timed, "tls_port")
    client.writer.write(b"POST /mcp HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 10000\r\n\r\n{")
    trickle = asyncio.create_task(dripping(client, b" "))
    answer = await client.end()
    trickle.cancel()
    assert answer.startswith(b"HTTP/1.1 401 ")


async def test_a_tls_handshake_that_does_not_end_is_closed(timed: RunningServer):
    port = timed.config["server"]["tls_port"]
    client = Client(*await asyncio.open_connection("127.0.0.1", port))
    assert await client.end() == b""


def test_a_client_that_does_not_read_its_answers_is_disconnected(timed: RunningServer):
    port = timed.config["server"]["tls_port"]
    call = modern_request("tools/call", name="echo", arguments={"text": "x" * 90_000})
    body = json.dumps(call)
    request = head(timed, len(body), "tools/call", "echo") + body.encode()
    with (
        socket.create_connection(("127.0.0.1", port), timeout=CLOSED_WITHIN_SECONDS) as plain,
        timed.verify.wrap_socket(plain, server_hostname="127.0.0.1") as client,
        pytest.raises((ConnectionError, ssl.SSLEOFError)),
    ):
        client.sendall(request * 500)  # more than the buffers of both sides hold


async def test_a_call_that_takes_longer_than_every_deadline_is_answered(timed: RunningServer):
    async with timed.client() as client:
        result = await client.call_tool("wait", {"seconds": 2})
    assert not result.is_error


async def test_a_websocket_outlives_the_deadlines(timed: RunningServer):
    from websockets.asyncio.client import connect

    url = timed.base.replace("https", "wss") + "/ws"
    headers = {"authorization": f"Bearer {timed.token}"}
    async with connect(url, ssl=timed.verify, additional_headers=headers) as socket:
        await asyncio.sleep(1.5)
        await socket.send(json.dumps(modern_request("tools/list")))
        assert "result" in json.loads(await socket.recv())


def head(server: RunningServer, length: int, method: str = "", name: str = "") -> bytes:
    lines = [
        "POST /mcp HTTP/1.1",
        "Host: 127.0.0.1",
        f"Authorization: Bearer {server.token}",
        "Accept: application/json, text/event-stream",
        "Content-Type: application/json",
        f"Content-Length: {length}",
        "MCP-Protocol-Version: 2026-07-28",
        *([f"Mcp-Method: {method}", f"Mcp-Name: {name}"] if method else []),
    ]
    return "\r\n".join([*lines, "", ""]).encode()


async def dripping(client: Client, byte: bytes) -> None:
    """Send a byte more often than any deadline lasts."""
    while True:
        await asyncio.sleep(0.1)
        client.writer.write(byte)


HANDSHAKE = (
    b"GET /ws%s HTTP/1.1\r\nHost: 127.0.0.1\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
)


@pytest.mark.parametrize(
    "request_head",
    [
        HANDSHAKE % b"" + b"Content-Length: 1\r\n\r\n",
        HANDSHAKE.replace(b"GET", b"POST") % b"" + b"\r\n",
        HANDSHAKE % b"?" + b"Cookie: %s\r\n\r\n" % (b"x" * 9000),
    ],
    ids=["with a body", "POST", "long line"],
)
async def test_a_handshake_that_cannot_be_read_is_refused(
    timed: RunningServer, request_head: bytes
):
    client = await Client.to(timed, "tls_port")
    client.writer.write(request_head)
    assert (await client.end()).startswith(b"HTTP/1.1 4")


def handshake(server: RunningServer) -> bytes:
    bearer = f"Authorization: Bearer {server.token}\r\n".encode()
    key = b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: eHh4eHh4eHh4eHh4eHh4eA==\r\n\r\n"
    return HANDSHAKE % b"" + bearer + key


async def websocket(server: RunningServer) -> Client:
    """An open WebSocket whose frames are written by hand."""
    client = await Client.to(server, "tls_port")
    client.writer.write(handshake(server))
    assert (await client.reader.readuntil(b"\r\n\r\n")).startswith(b"HTTP/1.1 101 ")
    return client


FRAGMENT = b"\x00\x80\x00\x00\x00\x00"  # an empty continuation, which is not the last


@pytest.mark.parametrize(
    ("opening", "following"),
    [(b"\x01\x81\x00\x00\x00\x00{", FRAGMENT), (b"\x81\xfe\x0f\x00\x00\x00\x00\x00", b" ")],
    ids=["message", "frame"],
)
async def test_a_websocket_message_that_does_not_end_is_closed(
    timed: RunningServer, opening: bytes, following: bytes
):
    client = await websocket(timed)
    client.writer.write(opening)
    trickle = asyncio.create_task(dripping(client, following))
    answer = await client.end()
    trickle.cancel()
    assert b"did not arrive within 0.6 s" in answer


async def test_a_message_in_many_fragments_is_read(timed: RunningServer):
    client = await websocket(timed)
    text = json.dumps(modern_request("tools/list")).encode()
    pieces = [b"\x00\x81\x00\x00\x00\x00" + text[i : i + 1] for i in range(1, len(text))]
    pieces[-1] = b"\x80" + pieces[-1][1:]
    client.writer.write(b"\x01\x81\x00\x00\x00\x00" + text[:1] + b"".join(pieces))
    async with asyncio.timeout(CLOSED_WITHIN_SECONDS):
        assert b"tools" in await client.reader.read(1000)
    client.writer.close()


def test_pongs_that_nobody_reads_are_not_kept(timed: RunningServer):
    """A client that sends pings and reads nothing is disconnected; it takes little memory."""
    port = timed.config["server"]["tls_port"]
    pings = (b"\x89\xfd\x00\x00\x00\x00" + b"x" * 125) * 5000
    before = timed.metric("process_resident_memory_bytes")
    most: list[float] = []
    with (
        socket.create_connection(("127.0.0.1", port), timeout=CLOSED_WITHIN_SECONDS) as plain,
        timed.verify.wrap_socket(plain, server_hostname="127.0.0.1") as client,
    ):
        client.sendall(handshake(timed))
        assert client.recv(12) == b"HTTP/1.1 101"
        with contextlib.suppress(ConnectionError, ssl.SSLEOFError):
            for _ in range(100):
                client.sendall(pings)
                most.append(timed.metric("process_resident_memory_bytes"))
    assert len(most) < 100
    assert max(most) - before < 20 * 1024 * 1024


def test_slow_clients_are_not_logged_as_server_errors(timed: RunningServer):
    assert [entry for entry in timed.log() if entry["level"] == "error"] == []
