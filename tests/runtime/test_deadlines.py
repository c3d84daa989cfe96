"""Every listener closes connections of slow clients at the deadlines."""

from __future__ import annotations

import asyncio
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


def test_slow_clients_are_not_logged_as_server_errors(timed: RunningServer):
    assert [entry for entry in timed.log() if entry["level"] == "error"] == []
