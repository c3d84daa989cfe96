"""WebSocket clients that read nothing or send unfinished messages do not exhaust the server."""

from __future__ import annotations

import contextlib
import json
import socket
import time
from collections.abc import Iterable
from pathlib import Path

import httpx2
import pytest

from tests.harness.server import MODERN, RunningServer, modern_request, serving, until
from tests.harness.tokens import Issuer

pytestmark = pytest.mark.slow


def test_a_websocket_whose_client_reads_nothing_does_not_lengthen_a_drain(
    tmp_path: Path, issuer: Issuer
):
    """The answers fill the buffers of both sides, so that no close frame can be sent."""
    protocol = {"longest_tool_seconds": 4, "drain_seconds": 6}
    call = modern_request("tools/call", name="echo", arguments={"text": "x" * 90_000})
    with (
        serving(tmp_path, issuer, protocol=protocol) as server,
        socket.create_connection(("127.0.0.1", server.config["server"]["port"])) as client,
    ):
        client.settimeout(1)
        client.sendall(websocket_handshake(server.token))
        assert client.recv(12) == b"HTTP/1.1 101"
        with pytest.raises(TimeoutError):  # the server reads no more than it can answer
            send_each(client, (text_frame(json.dumps(call | {"id": n})) for n in range(5000)))
        sent = server.terminate()
        assert server.exit_status() == 0
        assert time.monotonic() - sent < protocol["drain_seconds"]
        assert {entry["level"] for entry in server.log()} == {"info"}


def send_each(client: socket.socket, frames: Iterable[bytes]) -> None:
    for frame in frames:
        client.sendall(frame)


def websocket_handshake(token: str) -> bytes:
    lines = (
        "GET /ws HTTP/1.1",
        "Host: 127.0.0.1",
        "Upgrade: websocket",
        "Connection: Upgrade",
        "Sec-WebSocket-Version: 13",
        "Sec-WebSocket-Key: eHh4eHh4eHh4eHh4eHh4eA==",
        f"Authorization: Bearer {token}",
    )
    return "\r\n".join([*lines, "", ""]).encode()


def text_frame(text: str) -> bytes:
    """A masked frame of more than 65,535 bytes (RFC 6455, 5.2)."""
    return b"\x81\xff" + len(text).to_bytes(8) + bytes(4) + text.encode()


def test_messages_that_are_not_whole_count_as_bytes_of_their_user(tmp_path: Path, issuer: Issuer):
    """Else each of a user's streams holds another message of the largest size."""
    token, other = issuer.token(sub="holder"), issuer.token(sub="no-holder")
    fragment = b"\x01\xfe" + (9_000).to_bytes(2) + bytes(4) + b"x" * 9_000
    with serving(tmp_path, issuer, limits={"max_body_bytes": 10_000}) as server:
        with contextlib.ExitStack() as stack:
            address = ("127.0.0.1", server.config["server"]["port"])
            clients = [stack.enter_context(socket.create_connection(address)) for _ in range(18)]
            for client in clients:
                client.settimeout(10)
                client.sendall(websocket_handshake(token))
                assert client.recv(12) == b"HTTP/1.1 101"
            for client in clients[:17]:
                client.sendall(fragment)
            wait_for_pong(clients[16])
            clients[17].sendall(fragment)
            until(lambda: server.metric("mcp_limited_total", limit="bodies") == 1)
            assert b"too many bytes" in rest_of(clients[17])
            large = modern_request("tools/call", name="echo", arguments={"text": "x" * 9_000})
            answers = {user: post(server, large, user).status_code for user in (token, other)}
            assert answers == {token: 429, other: 200}
        until(lambda: post(server, large, token).status_code == 200)


def post(server: RunningServer, body: object, token: str) -> httpx2.Response:
    names = {"mcp_method": "tools/call", "mcp_name": "echo"}
    return server.post(body, token=token, version=MODERN, **names)


def wait_for_pong(client: socket.socket) -> None:
    """Until the server has read all that the client sent before."""
    client.sendall(b"\x89\x84" + bytes(4) + b"ping")
    received = b""
    while b"\x8a\x04ping" not in received:
        received += client.recv(1000)


def rest_of(client: socket.socket) -> bytes:
    received = b""
    while part := client.recv(1000):
        received += part
    return received
