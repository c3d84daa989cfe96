"""Local servers with the parts of the APIs of GitHub and GitLab that concern comments."""

from __future__ import annotations

import json
import re
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any
from urllib.parse import parse_qs, urlsplit


@dataclass
class Forge:
    """A server that keeps the comments of one pull request, and what it was asked.

    Attributes:
        address: of its API.
        me: the name that the token writes under; None where the token may not ask for it.
        writes: whether the token may write.
        comments: what is there: id, author and body.
        requests: method, path and token of each request.
    """

    me: str | None = "preview-bot"
    writes: bool = True
    address: str = ""
    comments: list[dict[str, Any]] = field(default_factory=list[dict[str, Any]])
    requests: list[tuple[str, str, str]] = field(default_factory=list[tuple[str, str, str]])
    status: int = 200

    def add(self, author: str, body: str) -> dict[str, Any]:
        """A comment of somebody."""
        named = {"login": author, "username": author}
        one = {"id": len(self.comments) + 1, "user": named, "author": named, "body": body}
        self.comments.append(one)
        return one

    def answer(self, method: str, path: str, body: Any) -> tuple[int, Any]:
        """Status and content of an answer."""
        address = urlsplit(path)
        if self.status != 200:
            return self.status, {}
        if address.path.endswith("/user"):
            return (403, {}) if self.me is None else (200, {"login": self.me, "username": self.me})
        author = self.me or "github-actions[bot]"
        if method == "GET":
            page = int(parse_qs(address.query)["page"][0])
            return 200, self.comments[(page - 1) * 100 : page * 100]
        if not self.writes:
            return 403, {}
        if method == "POST":
            return 201, self.add(author, body["body"])
        found = re.search(r"/([0-9]+)$", address.path)
        assert found
        changed = next(one for one in self.comments if one["id"] == int(found[1]))
        changed["body"] = body["body"]
        return 200, changed


@contextmanager
def serving(forge: Forge) -> Generator[Forge]:
    """Serves ``forge`` at its ``address``."""

    class Handler(BaseHTTPRequestHandler):
        def _answer(self) -> None:
            length = int(self.headers.get("Content-Length") or 0)
            body = json.loads(self.rfile.read(length)) if length else None
            token = self.headers.get("Authorization") or self.headers.get("PRIVATE-TOKEN") or ""
            forge.requests.append((self.command, self.path, token))
            status, content = forge.answer(self.command, self.path, body)
            written = json.dumps(content).encode()
            self.send_response(status)
            if status in (301, 302, 307):
                self.send_header("Location", "http://127.0.0.1:1/elsewhere")
            self.send_header("Content-Length", str(len(written)))
            self.end_headers()
            self.wfile.write(written)

        do_GET = do_POST = do_PATCH = do_PUT = _answer

        def log_message(self, format: str, *args: Any) -> None:
            """Says nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        forge.address = f"http://127.0.0.1:{server.server_port}"
        yield forge
        server.shutdown()
