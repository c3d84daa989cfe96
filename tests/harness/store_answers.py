"""Clients of a store, and a server with TLS that gives one answer in place of it."""

from __future__ import annotations

import contextlib
import ssl
import time
from collections.abc import Callable, Generator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import httpx2

from runtime.elasticsearch_client import StoreClient
from runtime.elasticsearch_config import StoreSection

from .certificates import Authority
from .server import free_port

Handler = Callable[[httpx2.Request], httpx2.Response]


@dataclass
class Answers:
    """A server with one answer to POST and one to GET, and the POST requests that it got."""

    url: str
    authority: Authority
    status: int = 200
    body: bytes = b"{}"
    body_of_get: bytes = b"{}"
    seconds: float = 0
    asked: list[tuple[str, str, bytes]] = field(default_factory=list[tuple[str, str, bytes]])


@contextlib.contextmanager
def answering(folder: Path) -> Generator[Answers]:
    """Run a server with its certificate in a folder."""
    authority, port = Authority.at(folder), free_port()
    certificate, key = authority.issue()
    made = Answers(f"https://localhost:{port}/base", authority)

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.answer(200, made.body_of_get)

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            made.asked.append((self.path, self.headers["authorization"], body))
            time.sleep(made.seconds)
            self.answer(made.status, made.body)

        def answer(self, status: int, body: bytes) -> None:
            self.send_response(status)
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: Any) -> None:
            """Says nothing."""

    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(certificate, key)
    with ThreadingHTTPServer(("127.0.0.1", port), Handler) as server:
        server.daemon_threads = True
        server.socket = context.wrap_socket(server.socket, server_side=True)
        Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        yield made
        server.shutdown()


def client_of(handler: Handler, folder: Path) -> StoreClient:
    """A client of a store whose answers the handler gives."""
    (folder / "token").write_text("key")
    section = StoreSection(
        kind="opensearch",
        url="https://search.example.com",
        index="logs",
        security_index="security",
        token_file=folder / "token",
    )
    client = StoreClient(section)
    transport = httpx2.MockTransport(handler)
    client.http = httpx2.AsyncClient(base_url="https://search.example.com/", transport=transport)
    return client


def store_section(answers: Answers, folder: Path) -> dict[str, Any]:
    """The section ``[store]`` for a program that writes to this server."""
    (folder / "token").write_text("key")
    return {
        "kind": "opensearch",
        "url": answers.url,
        "index": "logs",
        "security_index": "security",
        "token_file": str(folder / "token"),
        "ca_file": str(answers.authority.ca_file),
    }
