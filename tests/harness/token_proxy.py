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

    def forward(self) -> None:
        body = self.rfile.read(int(self.headers.get("content-length", 0)))
        behind = http.client.HTTPSConnection("127.0.0.1", self.port, context=self.trust, timeout=60)
        behind.putrequest(self.command, self.path, skip_host=True, skip_accept_encoding=True)
        for name, value in self.headers.items():
            if name.lower() not in ("connection", "authorization"):
                behind.putheader(name, value)
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

    do_GET = do_POST = do_DELETE = do_OPTIONS = forward

    def log_message(self, format: str, *args: Any) -> None:
        """Says nothing."""


@contextlib.contextmanager
def token_proxy(port: int, token: str, trust: ssl.SSLContext) -> Generator[str]:
    """Forward to 127.0.0.1:`port` over TLS; yields the proxy's address, `host:port`."""
    handler = type("Forwarding", (_Forwarding,), {"token": token, "port": port, "trust": trust})
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        server.daemon_threads = True
        Thread(target=server.serve_forever, daemon=True).start()
        yield f"127.0.0.1:{server.server_port}"
        server.shutdown()
