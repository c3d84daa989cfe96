"""Unexpected answers of servers and clusters become messages, not tracebacks."""

from __future__ import annotations

import json
import socket
import ssl
import threading
from collections.abc import Callable, Generator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from components.base.problems import ProblemReport
from delivery.local_certificates import new_authority, new_certificate
from delivery.mcp_client import Endpoint, Era, call_tool, eras, list_tools

Answer = Callable[[dict[str, Any]], tuple[int, str, str]]


@contextmanager
def serving(answer: Answer) -> Generator[Endpoint]:
    """A server of any behaviour: status, content type and body for each JSON request."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            text = self.rfile.read(int(self.headers["Content-Length"]))
            status, kind, body = answer(json.loads(text or "{}"))
            self.send_response(status)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body.encode())

        def log_message(self, format: str, *args: object) -> None:
            """Quiet."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        url = f"http://127.0.0.1:{server.server_port}/mcp"
        yield Endpoint(url=url, token="t", seconds=3)
    finally:
        server.shutdown()
        server.server_close()


def html(status: int) -> Answer:
    return lambda request: (status, "text/html", "<h1>somebody else</h1>")


def half_a_message(request: dict[str, Any]) -> tuple[int, str, str]:
    return 200, "application/json", "{"


def rpc_error(request: dict[str, Any]) -> tuple[int, str, str]:
    error = {"code": -32603, "message": "out of order today"}
    body = {"jsonrpc": "2.0", "id": request.get("id"), "error": error}
    return 200, "application/json", json.dumps(body)


@pytest.mark.parametrize("era", list(Era))
@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (html(401), "the token is refused"),
        (html(403), "the token is refused"),
        (html(502), "it answers 502"),
        (html(404), ""),
        (html(200), ""),
        (half_a_message, ""),
        (rpc_error, "out of order today"),
    ],
)
async def test_any_refusal_is_a_message(era: Era, answer: Answer, said: str) -> None:
    with serving(answer) as endpoint, pytest.raises(ProblemReport) as report:
        await list_tools(endpoint, era)
    problem = report.value.problems[0]
    assert said in problem.what
    assert problem.path == endpoint.url


async def test_a_refusal_in_the_middle_of_a_call_is_a_message() -> None:
    def answer(request: dict[str, Any]) -> tuple[int, str, str]:
        results: dict[str, Any] = {
            "initialize": {
                "protocolVersion": "2025-06-18",
                "capabilities": {"tools": {}},
                "serverInfo": {"name": "s", "version": "1"},
            },
            "tools/list": {"tools": [{"name": "echo", "inputSchema": {"type": "object"}}]},
        }
        method = request.get("method")
        if method not in results:
            return (202, "text/plain", "") if "id" not in request else rpc_error(request)
        body = {"jsonrpc": "2.0", "id": request["id"], "result": results[method]}
        return 200, "application/json", json.dumps(body)

    with serving(answer) as endpoint, pytest.raises(ProblemReport, match="out of order today"):
        await call_tool(endpoint, Era.LEGACY, "echo", {})


async def test_a_port_without_a_server_is_a_message() -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{closed.getsockname()[1]}/mcp"
        with pytest.raises(ProblemReport, match="no connection"):
            await list_tools(Endpoint(url=url, token="t"), Era.MODERN)


async def test_a_server_that_does_not_answer_is_reported() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"http://127.0.0.1:{silent.getsockname()[1]}/mcp"
        with pytest.raises(ProblemReport, match="Timeout"):
            await list_tools(Endpoint(url=url, token="t", seconds=0.5), Era.MODERN)


async def test_a_certificate_that_is_not_trusted_is_a_message(tmp_path: Path) -> None:
    certificate, key = new_certificate(new_authority(), ["127.0.0.1"])
    (tmp_path / "chain.pem").write_bytes(certificate)
    (tmp_path / "key.pem").write_bytes(key)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(tmp_path / "chain.pem", tmp_path / "key.pem")
    listener = socket.create_server(("127.0.0.1", 0))

    def accept() -> None:
        with listener, pytest.raises((ssl.SSLError, OSError)):
            context.wrap_socket(listener.accept()[0], server_side=True).recv(1)

    threading.Thread(target=accept, daemon=True).start()
    url = f"https://127.0.0.1:{listener.getsockname()[1]}/mcp"
    with pytest.raises(ProblemReport, match="certificate verify failed"):
        await list_tools(Endpoint(url=url, token="t"), Era.MODERN)


@pytest.mark.parametrize(
    ("served", "expected"),
    [("dual", [Era.MODERN, Era.LEGACY]), ("modern", [Era.MODERN]), ("legacy", [Era.LEGACY])],
)
def test_a_platform_serves_the_eras_it_says(served: str, expected: list[Era]) -> None:
    assert eras(served) == expected
