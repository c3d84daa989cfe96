"""A client that disconnects is one line in the log, and none of them is a warning."""

from __future__ import annotations

import json
import socket
from functools import partial
from pathlib import Path
from typing import Any

from tests.harness.server import (
    MODERN,
    RunningServer,
    initialize_request,
    modern_request,
    serving,
    until,
)
from tests.harness.tokens import Issuer


def request(
    token: str,
    body: dict[str, Any] | None,
    more: dict[str, str],
    *,
    method: str = "POST",
    left_out: int = 0,
) -> bytes:
    """An HTTP request without the last `left_out` bytes of its body."""
    content = json.dumps(body).encode() if body is not None else b""
    headers = {
        "host": "127.0.0.1",
        "authorization": f"Bearer {token}",
        "accept": "application/json, text/event-stream",
        "content-type": "application/json",
        "content-length": str(len(content)),
    } | more
    lines = [f"{method} /mcp HTTP/1.1", *(f"{name}: {value}" for name, value in headers.items())]
    head = "\r\n".join([*lines, "", ""]).encode()
    return head + content[: len(content) - left_out]


def has_logged(server: RunningServer, requests: int) -> bool:
    return len(server.events("request")) == requests


def test_a_client_that_disconnects_is_one_line_and_no_warning(tmp_path: Path, issuer: Issuer):
    listing = modern_request("tools/list")
    wait = modern_request("tools/call", name="wait", arguments={"seconds": 5})
    with serving(tmp_path, issuer) as server:
        opened = server.post(initialize_request())
        session = {"mcp-session-id": opened.headers["mcp-session-id"]}
        token = server.token
        ping = {"jsonrpc": "2.0", "id": 1, "method": "ping"}
        lists = {"mcp-protocol-version": MODERN, "mcp-method": "tools/list"}
        calls = {"mcp-protocol-version": MODERN, "mcp-method": "tools/call", "mcp-name": "wait"}
        requests = [
            request(token, listing, lists, left_out=9),
            request(token, initialize_request(), {}, left_out=9),
            request(token, ping, session, left_out=9),
            request(token, wait, calls),
            request(token, None, session, method="GET"),
        ]
        until(partial(has_logged, server, 1))
        for number, sent in enumerate(requests, 2):
            with socket.create_connection(("127.0.0.1", server.config["server"]["port"])) as client:
                client.sendall(sent)
            until(partial(has_logged, server, number))
        server.terminate()
        assert server.exit_status() == 0
    logged = server.log()
    assert {entry["level"] for entry in logged} == {"info"}
    assert len(logged) == len(requests) + len(["serving", "initialize", "draining", "stopped"])
