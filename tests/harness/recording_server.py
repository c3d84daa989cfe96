"""A server of the MCP SDK over TLS, without authentication, that records its requests."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Generator
from dataclasses import dataclass, field
from pathlib import Path

import anyio
import uvicorn
from mcp.server.mcpserver import Context, MCPServer
from mcp.server.transport_security import TransportSecuritySettings
from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from .server import until


@dataclass(frozen=True)
class Request:
    """The first line and the headers of a request, as they arrived."""

    method: str
    path: str
    query: str
    headers: Headers


@dataclass
class RecordingServer:
    """A running server.

    Attributes:
        name: what `whoami` says.
        received: every request, recorded before its body is read.
        added_headers: that it adds to each answer.
    """

    name: str
    received: list[Request] = field(default_factory=list[Request])
    added_headers: dict[str, str] = field(default_factory=dict[str, str])

    def app(self, path: str) -> ASGIApp:
        """Its ASGI application, which speaks MCP at `path`."""
        server = MCPServer(self.name, log_level="CRITICAL")

        async def whoami(ctx: Context) -> str:
            """Name this server and the user."""
            headers = ctx.headers or {}
            return f"{self.name}: {headers.get('x-user')}"

        async def wait(seconds: float, ctx: Context) -> str:
            """Report progress, and answer after some seconds."""
            await ctx.report_progress(0, seconds)
            await anyio.sleep(seconds)
            return "waited"

        server.add_tool(whoami, structured_output=False)
        server.add_tool(wait, structured_output=False)
        mcp = server.streamable_http_app(
            streamable_http_path=path,
            transport_security=TransportSecuritySettings(enable_dns_rebinding_protection=False),
        )

        async def recorded(scope: Scope, receive: Receive, send: Send) -> None:
            async def with_headers(message: Message) -> None:
                if message["type"] == "http.response.start":
                    MutableHeaders(scope=message).update(self.added_headers)
                await send(message)

            if scope["type"] != "http":
                await mcp(scope, receive, send)
                return
            query: bytes = scope["query_string"]
            headers = Headers(scope=scope)
            self.received.append(Request(scope["method"], scope["path"], query.decode(), headers))
            await mcp(scope, receive, with_headers)

        return recorded


@contextlib.contextmanager
def recording_server(
    name: str, port: int, certificate: tuple[Path, Path], path: str = "/mcp"
) -> Generator[RecordingServer]:
    """Run the server on 127.0.0.1:`port`, in a thread."""
    made = RecordingServer(name)
    shown, key = certificate
    config = uvicorn.Config(
        made.app(path),
        host="127.0.0.1",
        port=port,
        ssl_certfile=str(shown),
        ssl_keyfile=str(key),
        log_level="critical",
        ws="none",
        timeout_graceful_shutdown=1,
    )
    running = uvicorn.Server(config)
    thread = threading.Thread(target=running.run)
    thread.start()
    try:
        until(lambda: running.started)
        yield made
    finally:
        running.should_exit = True
        thread.join()
