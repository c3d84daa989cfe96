"""ASGI middleware that refuses requests for unknown hosts and for unsupported MCP revisions."""

from __future__ import annotations

import json
from typing import Any, cast
from urllib.parse import urlsplit

from mcp_types import UNSUPPORTED_PROTOCOL_VERSION
from mcp_types.version import HANDSHAKE_PROTOCOL_VERSIONS, MODERN_PROTOCOL_VERSIONS
from starlette.datastructures import Headers
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.types import ASGIApp, Receive, Scope, Send

from .config import Era

VERSION_HEADER = "mcp-protocol-version"


class HostFilter:
    """Refuses requests whose `Host` or `Origin` is not allowed: protects from DNS rebinding.

    An allowed entry without a port matches every port. Without entries every host is allowed.
    """

    def __init__(self, app: ASGIApp, allowed: tuple[str, ...]) -> None:
        self.app = app
        self.allowed = frozenset(host.lower() for host in allowed)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        headers = Headers(scope=scope)
        origin = headers.get("origin")
        if self.allowed and not self._known(headers.get("host", "")):
            await Response("This Host is not allowed.", 421)(scope, receive, send)
        elif self.allowed and origin is not None and not self._known(urlsplit(origin).netloc):
            await Response("This Origin is not allowed.", 403)(scope, receive, send)
        else:
            await self.app(scope, receive, send)

    def _known(self, authority: str) -> bool:
        authority = authority.lower()
        name, colon, port = authority.rpartition(":")
        without_port = name if colon and port.isdigit() else authority
        return authority in self.allowed or without_port in self.allowed


class EraFilter:
    """Refuses requests of an MCP era that this server does not serve.

    The `MCP-Protocol-Version` header tells the era: revisions with a handshake are legacy, and so
    is a request without the header. The answer is the specification's UnsupportedProtocolVersion
    error (HTTP 400) with the supported versions, so that a dual-era client can fall back.
    """

    def __init__(self, app: ASGIApp, era: Era) -> None:
        self.app = app
        self.era: Era = era

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        version = Headers(scope=scope).get(VERSION_HEADER)
        legacy = version is None or version in HANDSHAKE_PROTOCOL_VERSIONS
        if self.era == "dual" or (self.era == "legacy") == legacy:
            await self.app(scope, receive, send)
        elif self.era == "modern" and scope["method"] != "POST":
            # Without sessions there is no GET stream and nothing to DELETE.
            await Response(status_code=405, headers={"allow": "POST"})(scope, receive, send)
        else:
            refusal = await self._unsupported(Request(scope, receive), version)
            await refusal(scope, receive, send)

    async def _unsupported(self, request: Request, version: str | None) -> Response:
        asked = json_object(await request.body())
        offered = object_or_empty(asked.get("params")).get("protocolVersion", "unstated")
        served = MODERN_PROTOCOL_VERSIONS if self.era == "modern" else HANDSHAKE_PROTOCOL_VERSIONS
        error = {
            "code": UNSUPPORTED_PROTOCOL_VERSION,
            "message": f"Unsupported protocol version: this server serves {', '.join(served)}",
            "data": {"supported": list(served), "requested": version or str(offered)},
        }
        identity = asked.get("id")
        known = identity if isinstance(identity, str | int) else None
        return JSONResponse({"jsonrpc": "2.0", "id": known, "error": error}, 400)


def json_object(body: bytes) -> dict[str, Any]:
    """Parse `body` as a JSON object; empty if it is not one."""
    try:
        return object_or_empty(json.loads(body))
    except (ValueError, RecursionError):
        return {}


def object_or_empty(value: object) -> dict[str, Any]:
    """`value` if it is a JSON object; else an empty dict."""
    return cast("dict[str, Any]", value) if isinstance(value, dict) else {}
