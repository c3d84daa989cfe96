"""`limits.connections`: how many connections a port of the server serves at a time."""

from __future__ import annotations

import socket
from pathlib import Path

from tests.harness.server import RunningServer, serving
from tests.harness.tokens import Issuer

REQUEST = b"GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n"


def connection(server: RunningServer, port: str) -> socket.socket:
    return socket.create_connection(("127.0.0.1", server.config["server"][port]), timeout=10)


def status(on: socket.socket) -> bytes:
    on.sendall(REQUEST)
    return on.recv(4096).split(b" ")[1]


def test_a_request_on_one_more_connection_is_refused(tmp_path: Path, issuer: Issuer):
    with serving(tmp_path, issuer, limits={"connections": 2}) as server:
        first, second = connection(server, "port"), connection(server, "port")
        assert [status(first), status(second)] == [b"200", b"200"]
        with connection(server, "port") as third:
            assert status(third) == b"503"
        assert [status(first), status(second)] == [b"200", b"200"]
        with connection(server, "metrics_port") as elsewhere:
            assert status(elsewhere) != b"503"
        first.close()
        with connection(server, "port") as next_one:
            assert status(next_one) == b"200"
        second.close()
