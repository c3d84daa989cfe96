"""Runs MCP servers in threads: made with the SDK, without authentication; and our own."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import AsyncGenerator, Generator, Mapping
from dataclasses import dataclass, field
from typing import Any

import httpx2
import pytest
import uvicorn
from mcp import Client
from mcp.client.streamable_http import streamable_http_client
from mcp.server.mcpserver import MCPServer
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from runtime.application import application
from runtime.config import Config
from runtime.federation import lists

from .server import MODERN, PLAIN, modern_request, settings, until
from .tokens import Issuer

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
    forgotten: set[str] = field(default_factory=set[str])

    @property
    def url(self) -> str:
        """Its MCP endpoint."""
        return f"http://127.0.0.1:{self.port}/mcp"

    def entry(self, name: str, **fields: Any) -> dict[str, Any]:
        """Its table of `[[tool_servers]]`."""
        return {"name": name, "url": self.url, "send_user": True, **fields}

    def restart(self) -> None:
        """Forget all sessions, as a new process would."""
        self.forgotten |= {r["mcp-session-id"] for r in self.requests if "mcp-session-id" in r}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            headers = dict(Request(scope).headers)
            self.requests.append(headers)
            if self.status is not None:
                await JSONResponse({"error": "made up"}, self.status)(scope, receive, send)
                return
            if headers.get("mcp-session-id") in self.forgotten:
                error = {"code": -32600, "message": "Session not found"}
                body = {"jsonrpc": "2.0", "id": None, "error": error}
                await JSONResponse(body, 404)(scope, receive, send)
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
        config = uvicorn.Config(
            user_server, log_level="critical", lifespan="on", timeout_graceful_shutdown=0
        )
        program = uvicorn.Server(config)
        thread = threading.Thread(target=program.run, args=([listening],), daemon=True)
        thread.start()
        try:
            until(lambda: program.started)
            yield user_server
        finally:
            program.should_exit = True
            thread.join(10)


@dataclass
class Front:
    """A reference server that offers what other servers have."""

    server: UserServer
    issuer: Issuer

    @contextlib.asynccontextmanager
    async def client(
        self,
        era: str = "modern",
        headers: Mapping[str, str] | None = None,
        elicitation_callback: Any = None,
        answered: Any = None,
        **claims: Any,
    ) -> AsyncGenerator[Client]:
        """Connect the official client, with a token that has these claims.

        Each answer is given to `answered`, a coroutine function, before its body.
        """
        sent = {"authorization": f"Bearer {self.issuer.token(**claims)}", **(headers or {})}
        timeout = httpx2.Timeout(30)
        hooks = {"response": [answered] if answered else []}
        async with httpx2.AsyncClient(
            headers=sent, timeout=timeout, trust_env=False, event_hooks=hooks
        ) as http:
            transport = streamable_http_client(self.server.url, http_client=http)
            mode = MODERN if era == "modern" else era
            asking = {"elicitation_callback": elicitation_callback} if elicitation_callback else {}
            async with Client(transport, mode=mode, **asking) as client:
                yield client

    def post(self, method: str, headers: Mapping[str, str], **params: Any) -> httpx2.Response:
        """POST a request of the modern era with these headers besides those that it needs."""
        sent = {
            "accept": "application/json, text/event-stream",
            "authorization": f"Bearer {self.issuer.token()}",
            "mcp-protocol-version": MODERN,
            "mcp-method": method,
            **headers,
        }
        body = modern_request(method, **params)
        return httpx2.post(self.server.url, json=body, headers=sent, verify=PLAIN)


@contextlib.contextmanager
def federating(issuer: Issuer, *entries: Mapping[str, Any], **sections: Any) -> Generator[Front]:
    """Run the reference server with these tables of `[[tool_servers]]`."""
    sections = {"server": {"role": "tools"}, "tool_servers": list(entries), **sections}
    config = Config.model_validate(settings(issuer, **sections))
    with pytest.MonkeyPatch.context() as patch, running(application(config).public) as server:
        patch.setattr(lists, "LIST_WITHIN_SECONDS", 60)  # on a busy machine nothing is left out
        yield Front(server, issuer)
