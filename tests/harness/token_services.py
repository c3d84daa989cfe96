"""A stand-in for the services of clouds that give out tokens: it records what it is asked."""

from __future__ import annotations

import contextlib
import json
import threading
from collections.abc import Callable, Generator, Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl, urlsplit


@dataclass(frozen=True)
class Asked:
    """A request as it arrived.

    Attributes:
        query, form: names and values of the query and of the body.
        headers: with names in lower case.
    """

    method: str
    path: str
    query: Mapping[str, str]
    form: Mapping[str, str]
    headers: Mapping[str, str]


Answer = tuple[int, Any]
"""Status and body: text, or what is written as JSON."""


@dataclass
class TokenService:
    """A running service.

    Attributes:
        answer: what it answers to a request.
        asked: every request so far.
    """

    port: int
    answer: Callable[[Asked], Answer]
    asked: list[Asked] = field(default_factory=list[Asked])

    @property
    def host(self) -> str:
        """Address and port."""
        return f"127.0.0.1:{self.port}"

    @property
    def url(self) -> str:
        """Its URL, without a path."""
        return f"http://{self.host}"


@contextlib.contextmanager
def token_service(answer: Callable[[Asked], Answer]) -> Generator[TokenService]:
    """Run a service that answers with `answer`."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self._reply()

        def do_POST(self) -> None:
            self._reply()

        def _reply(self) -> None:
            length = int(self.headers.get("content-length") or 0)
            url = urlsplit(self.path)
            request = Asked(
                self.command,
                url.path,
                dict(parse_qsl(url.query)),
                dict(parse_qsl(self.rfile.read(length).decode())),
                {name.lower(): value for name, value in self.headers.items()},
            )
            service.asked.append(request)
            status, body = service.answer(request)
            written = (body if isinstance(body, str) else json.dumps(body)).encode()
            self.send_response(status)
            self.send_header("content-type", "application/json")
            # Google's libraries ask for it before they believe the server.
            self.send_header("metadata-flavor", "Google")
            self.send_header("content-length", str(len(written)))
            self.end_headers()
            self.wfile.write(written)

        def log_message(self, format: str, *args: Any) -> None:
            """Nothing: the requests are recorded."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    service = TokenService(server.server_address[1], answer)
    running = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    running.start()
    try:
        yield service
    finally:
        server.shutdown()
        server.server_close()
        running.join()
