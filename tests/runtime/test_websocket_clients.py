"""WebSocket clients that read nothing, or that vanish, are no trouble for the server."""

from __future__ import annotations

import json
import socket
import time
from collections.abc import Iterable
from pathlib import Path

import pytest

from tests.harness.server import modern_request, serving
from tests.harness.tokens import Issuer


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
