"""Runs an MCP server of the SDK without tokens, as an image that a user brings, in a thread."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Generator
from dataclasses import dataclass, field
from typing import Any

import uvicorn
from mcp.server.mcpserver import MCPServer
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from .server import until

NEWER = "2026-07-28"


@dataclass
class UserServer:
    """A running server.

    Attributes:
        requests: the headers of every request, in the order of arrival.
        modern: whether it answers the modern era.
        status: answer every request with this status, without MCP.
    """

    app: ASGIApp
    port: int
    modern: bool = True
    requests: list[dict[str, str]] = field(default_factory=list[dict[str, str]])
    status: int | None = None

    @property
    def url(self) -> str:
        """Its MCP endpoint."""
        return f"http://127.0.0.1:{self.port}/mcp"

    def entry(self, name: str, **fields: Any) -> dict[str, Any]:
        """Its table of `[[tool_servers]]`."""
        return {"name": name, "url": self.url, "send_user": True, **fields}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            headers = dict(Request(scope).headers)
            self.requests.append(headers)
            if self.status is not None:
                await JSONResponse({"error": "made up"}, self.status)(scope, receive, send)
                return
            if not self.modern and headers.get("mcp-protocol-version") == NEWER:
                # As a server that was written before 2026-07-28 answers.
                error = {"code": -32000, "message": "Bad Request: Unsupported protocol version"}
                body = {"jsonrpc": "2.0", "id": None, "error": error}
                await JSONResponse(body, 400)(scope, receive, send)
                return
        await self.app(scope, receive, send)


@contextlib.contextmanager
def running(server: MCPServer | ASGIApp, *, modern: bool = True) -> Generator[UserServer]:
    """Run an MCP server, or an ASGI application in place of one, until the end of the block."""
    app = server.streamable_http_app() if isinstance(server, MCPServer) else server
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        user_server = UserServer(app, listening.getsockname()[1], modern)
        config = uvicorn.Config(user_server, log_level="error", timeout_graceful_shutdown=0)
        program = uvicorn.Server(config)
        thread = threading.Thread(target=program.run, args=([listening],), daemon=True)
        thread.start()
        try:
            until(lambda: program.started)
            yield user_server
        finally:
            program.should_exit = True
            thread.join(10)
