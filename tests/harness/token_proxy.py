"""A proxy on loopback that adds a bearer token, for clients that cannot send one."""

from __future__ import annotations

import contextlib
import http.client
import ssl
from collections.abc import Generator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any


class _Forwarding(BaseHTTPRequestHandler):
    """Sends each request on with its own headers, and the answer back while it arrives."""

    token: str
    port: int
    trust: ssl.SSLContext
    host: str | None

    def forward(self) -> None:
        body = self.rfile.read(int(self.headers.get("content-length", 0)))
        behind = http.client.HTTPSConnection("127.0.0.1", self.port, context=self.trust, timeout=60)
        behind.putrequest(self.command, self.path, skip_host=True, skip_accept_encoding=True)
        for name, value in self.headers.items():
            if name.lower() not in ("connection", "authorization"):
                behind.putheader(name, self.named(name.lower(), value))
        behind.putheader("Authorization", f"Bearer {self.token}")
        behind.endheaders(body)
        answer = behind.getresponse()
        self.send_response(answer.status)
        for name, value in answer.getheaders():
            if name.lower() not in ("connection", "transfer-encoding", "date", "server"):
                self.send_header(name, value)
        self.send_header("Connection", "close")
        self.end_headers()
        with contextlib.suppress(OSError):  # the client has closed its stream
            while piece := answer.read1(65536):
                self.wfile.write(piece)
        behind.close()

    def named(self, header: str, value: str) -> str:
        """The value, with the platform's domain where the client names this proxy."""
        here = value.removeprefix("http://") in self.here()
        if self.host is None or not here:
            return value
        return {"host": self.host, "origin": f"https://{self.host}"}.get(header, value)

    def here(self) -> list[str]:
        """The names that clients have for this proxy."""
        return [f"{name}:{self.connection.getsockname()[1]}" for name in ("127.0.0.1", "localhost")]

    do_GET = do_POST = do_DELETE = do_OPTIONS = forward

    def log_message(self, format: str, *args: Any) -> None:
        """Says nothing."""


@contextlib.contextmanager
def token_proxy(
    port: int, token: str, trust: ssl.SSLContext, host: str | None = None
) -> Generator[str]:
    """Forward to 127.0.0.1:`port` over TLS; yields the proxy's address, `host:port`.

    Args:
        port: where the platform listens.
        token: added to each request.
        trust: for the platform's certificate.
        host: the platform's domain, which clients that name this proxy are taken to mean.
    """
    given = {"token": token, "port": port, "trust": trust, "host": host}
    handler = type("Forwarding", (_Forwarding,), given)
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        server.daemon_threads = True
        Thread(target=server.serve_forever, daemon=True).start()
        yield f"127.0.0.1:{server.server_port}"
        server.shutdown()
