"""An HTTPS server that says what reached it: what a proxy's tests look at from behind."""

from __future__ import annotations

import contextlib
import json
import ssl
import threading
import time
from collections.abc import Generator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

WAIT = "x-wait-seconds"
"""A stream with this header ends so much later."""
HOLD = "x-hold"
"""A request with this header is answered once the test lets it: `Upstream.go`."""
DROP = "x-drop"
"""A request with this header is read and never answered: its connection just ends."""
STREAM = "?stream"
"""A request whose path ends so is answered with two events."""


class Handler(BaseHTTPRequestHandler):
    """Answers each request with what it was, as JSON; echoes bytes once it was upgraded."""

    protocol_version = "HTTP/1.1"
    server: Upstream  # pyright: ignore[reportIncompatibleVariableOverride]

    def do_GET(self) -> None:
        """Any method that has no body."""
        self.server.received.append(self.path)
        if self.headers.get(DROP):
            self.close_connection = True
            return
        if self.headers.get("upgrade"):
            self.send_response(101)
            self.send_header("Upgrade", self.headers["upgrade"])
            self.send_header("Connection", "upgrade")
            self.end_headers()
            self.wfile.write(self.rfile.readline())
            self.close_connection = True
            return
        if self.path.endswith(STREAM):
            self.send_response(200)
            self.send_header("Content-Type", "text/event-stream")
            self.end_headers()
            self.wfile.write(b"data: first\n\n")
            time.sleep(float(self.headers.get(WAIT, 0)))
            self.wfile.write(b"data: last\n\n")
            self.close_connection = True
            return
        if self.headers.get(HOLD):
            self.server.go.wait(60)
        headers = {name.lower(): value for name, value in self.headers.items()}
        body = json.dumps({"path": self.path, "headers": headers}).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_POST(self) -> None:
        """Any method that has one."""
        self.rfile.read(int(self.headers.get("content-length", 0)))
        self.do_GET()

    def log_message(self, format: str, *args: Any) -> None:
        """Say nothing."""


class Upstream(ThreadingHTTPServer):
    """The server.

    Attributes:
        received: the paths of all requests so far.
        unreachable: so many of the next connections end before their handshake.
        go: set to answer what is held.
    """

    def __init__(self, port: int, certificate: Path, key: Path) -> None:
        super().__init__(("127.0.0.1", port), Handler)
        self.received: list[str] = []
        self.unreachable = 0
        self.go = threading.Event()
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate, key)
        self.socket = context.wrap_socket(
            self.socket, server_side=True, do_handshake_on_connect=False
        )

    def get_request(self) -> Any:
        """The next connection; the base class takes an OSError for none."""
        connection, address = super().get_request()
        if self.unreachable:
            self.unreachable -= 1
            connection.close()
            raise OSError
        return connection, address

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A handshake that the proxy broke off is what some tests are about."""


@contextlib.contextmanager
def upstream(port: int, certificate: Path, key: Path) -> Generator[Upstream]:
    """A started server, on loopback."""
    server = Upstream(port, certificate, key)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield server
    finally:
        server.go.set()
        server.shutdown()
        server.server_close()
        thread.join()
