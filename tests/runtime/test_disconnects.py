"""A client that disconnects is one line in the log, and none of them is a warning."""

from __future__ import annotations

import json
import socket
from pathlib import Path
from typing import Any

from tests.harness.server import (
    MODERN,
    initialize_request,
    modern_request,
    serving,
    until,
)
from tests.harness.tokens import Issuer


def request(
    token: str, body: dict[str, Any] | None, *, method: str = "POST", left_out: int = 0, **more: str
) -> bytes:
    """An HTTP request without the last `left_out` bytes of its body."""
    content = json.dumps(body).encode() if body is not None else b""
    headers = {
        "host": "127.0.0.1",
        "authorization": f"Bearer {token}",
        "accept": "application/json, text/event-stream",
        "content-type": "application/json",
        "content-length": str(len(content)),
    } | {name.replace("_", "-"): value for name, value in more.items()}
    lines = [f"{method} /mcp HTTP/1.1", *(f"{name}: {value}" for name, value in headers.items())]
    head = "\r\n".join([*lines, "", ""]).encode()
    return head + content[: len(content) - left_out]


def test_a_client_that_disconnects_is_one_line_and_no_warning(tmp_path: Path, issuer: Issuer):
    listing = modern_request("tools/list")
    wait = modern_request("tools/call", name="wait", arguments={"seconds": 5})
    modern = {"mcp_protocol_version": MODERN}
    with serving(tmp_path, issuer) as server:
        opened = server.post(initialize_request())
        session = {"mcp_session_id": opened.headers["mcp-session-id"]}
        token = server.token
        requests = [
            request(token, listing, left_out=9, **modern, mcp_method="tools/list"),
            request(token, initialize_request(), left_out=9),
            request(token, {"jsonrpc": "2.0", "id": 1, "method": "ping"}, left_out=9, **session),
            request(token, wait, **modern, mcp_method="tools/call", mcp_name="wait"),
            request(token, None, method="GET", **session),
        ]
        until(lambda: len(server.events("request")) == 1)
        for number, sent in enumerate(requests, 2):
            with socket.create_connection(("127.0.0.1", server.config["server"]["port"])) as client:
                client.sendall(sent)
            until(lambda number=number: len(server.events("request")) == number)
        server.terminate()
        assert server.exit_status() == 0
    logged = server.log()
    assert {entry["level"] for entry in logged} == {"info"}
    assert len(logged) == len(requests) + len(["serving", "initialize", "draining", "stopped"])
