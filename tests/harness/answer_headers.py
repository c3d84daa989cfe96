"""Headers of a program's answers: what no client may get of them, and what it needs.

The invariant: no header of a program has an effect beyond its own answer. None of them holds for
the platform's origin, names an internal address, claims to be the platform's, or describes the
connection between the two. What a client of MCP reads arrives.
"""

from __future__ import annotations

from collections.abc import Mapping

from mcp.server.mcpserver import MCPServer
from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

MARK = "of-the-program"
"""In each of the values that no client may get."""
INSIDE = f"http://127.0.0.1:8000/{MARK}"
FOREIGN: dict[str, str] = {
    # An address that only the machine of the program reaches.
    **dict.fromkeys(("location", "content-location", "refresh", "link", "sourcemap"), INSIDE),
    # For every server of the same origin.
    "set-cookie": f"session={MARK}; Path=/; Domain=example.com",
    "set-cookie2": f"session={MARK}",
    "clear-site-data": f'"{MARK}"',
    "alt-svc": f'h3="{MARK}.example.com:443"; ma=86400',
    "strict-transport-security": f"max-age=0; {MARK}",
    "public-key-pins": MARK,
    "content-security-policy": f"default-src {MARK}",
    "x-frame-options": MARK,
    "referrer-policy": MARK,
    "permissions-policy": MARK,
    "service-worker-allowed": f"/{MARK}",
    "report-to": MARK,
    "reporting-endpoints": f'all="{INSIDE}"',
    "nel": MARK,
    # As if the platform had checked the token.
    "proxy-authenticate": f"Basic realm={MARK}",
    "authentication-info": MARK,
    "x-user": MARK,
    "x-refusal": MARK,
    "timing-allow-origin": MARK,
    # What the program is, and its way to the platform.
    **dict.fromkeys(("server", "via", "x-powered-by", "x-request-id"), MARK),
    # Of one connection.
    **dict.fromkeys(("keep-alive", "proxy-connection", "trailer", "upgrade"), MARK),
    # Orders to nginx.
    **dict.fromkeys(("x-accel-redirect", "x-accel-expires"), f"/{MARK}"),
}
OF_CHECKS: dict[str, str] = {
    "www-authenticate": f'Bearer resource_metadata="https://{MARK}.example.com/prm"',
    "access-control-allow-origin": f"https://{MARK}.example.com",
    "access-control-allow-credentials": MARK,
    "access-control-allow-private-network": MARK,
}
"""Of the check of tokens and pages, which is the platform's unless a server makes it itself."""
NEEDED: dict[str, str] = {
    "cache-control": "no-cache, no-transform",
    "content-language": "rm",
    "retry-after": "7",
    "mcp-protocol-version": "2025-11-25",
}


class WithHeaders:
    """An ASGI application whose answers have these headers besides its own."""

    def __init__(self, app: MCPServer | ASGIApp, added: Mapping[str, str]) -> None:
        self.app: ASGIApp = app.streamable_http_app() if isinstance(app, MCPServer) else app
        self.added = added

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message).update(self.added)
            await send(message)

        await self.app(scope, receive, with_headers)


def foreign_in(headers: Mapping[str, str]) -> set[str]:
    """The headers that a client got of `FOREIGN` and `OF_CHECKS`."""
    return {name for name, value in headers.items() if MARK in value}
