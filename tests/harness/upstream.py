"""An HTTPS server that returns each request as JSON, as the upstream in tests of a proxy."""

from __future__ import annotations

import contextlib
import json
import socket
import ssl
import threading
import time
from collections.abc import Generator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

WAIT = "x-wait-seconds"
"""A stream with this header ends after that many seconds."""
HOLD = "x-hold"
"""A request with this header is answered when the test sets `Upstream.go`."""
DROP = "x-drop"
"""A request with this header is not answered: its connection is closed."""
REFUSE = "x-refuse"
"""A request with this header is answered 401 before its body is read."""
STREAM = "?stream"
"""A request whose path ends with this is answered with two events."""


class Handler(BaseHTTPRequestHandler):
    """Answers each request with its content as JSON; echoes bytes after an upgrade."""

    protocol_version = "HTTP/1.1"
    server: Upstream  # pyright: ignore[reportIncompatibleVariableOverride]

    def do_GET(self) -> None:
        """Handle any method without a body."""
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
        """Handle any method with a body."""
        if self.headers.get(REFUSE):
            self.server.received.append(self.path)
            self.send_response(401)
            self.send_header("Content-Length", "0")
            self.end_headers()
            self.close_connection = True
            return
        self.server.body_bytes.append(self._read_body())
        self.do_GET()

    do_DELETE = do_GET

    def _read_body(self) -> int:
        """Read the body to its end and return its length."""
        if self.headers.get("transfer-encoding") != "chunked":
            return len(self.rfile.read(int(self.headers.get("content-length", 0))))
        length = 0
        while size := int(self.rfile.readline() or b"0", 16):
            length += len(self.rfile.read(size + 2)) - 2
        self.rfile.readline()
        return length

    def log_message(self, format: str, *args: Any) -> None:
        """Log nothing."""


class Upstream(ThreadingHTTPServer):
    """The upstream server.

    Attributes:
        received: the paths of all requests.
        body_bytes: the lengths of all bodies that were read to their end.
        reached: the addresses at which connections have arrived.
        unreachable: number of next connections that are closed before the TLS handshake.
        go: set it to answer the requests that are held back.
    """

    def __init__(self, port: int, certificate: Path, key: Path, address: str) -> None:
        self.address_family = socket.AF_INET6 if ":" in address else socket.AF_INET
        super().__init__((address, port), Handler)
        self.reached: list[str] = []
        self.received: list[str] = []
        self.body_bytes: list[int] = []
        self.unreachable = 0
        self.go = threading.Event()
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate, key)
        self.socket = context.wrap_socket(
            self.socket, server_side=True, do_handshake_on_connect=False
        )

    def get_request(self) -> Any:
        """Accept the next connection; the base class ignores an `OSError`."""
        connection, address = super().get_request()
        self.reached.append(connection.getsockname()[0])
        if self.unreachable:
            self.unreachable -= 1
            connection.close()
            raise OSError
        return connection, address

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Ignore errors: some tests make the proxy abort the handshake."""


@contextlib.contextmanager
def upstream(
    port: int, certificate: Path, key: Path, address: str = "127.0.0.1"
) -> Generator[Upstream]:
    """Run the upstream, by default on loopback."""
    server = Upstream(port, certificate, key, address)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield server
    finally:
        server.go.set()
        server.shutdown()
        server.server_close()
        thread.join()
