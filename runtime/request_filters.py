"""ASGI middleware that corrects paths and refuses requests of unsupported MCP revisions."""

from __future__ import annotations

import json
from typing import Any, cast

from mcp_types import UNSUPPORTED_PROTOCOL_VERSION
from mcp_types.version import HANDSHAKE_PROTOCOL_VERSIONS, MODERN_PROTOCOL_VERSIONS
from starlette.datastructures import Headers
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from .config import Era

VERSION_HEADER = "mcp-protocol-version"


class OneTrailingSlash:
    """Serves `/mcp/` like `/mcp`, so that no redirect is needed.

    Starlette's own redirect would be to `http://` behind a proxy that terminates TLS.
    """

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] in ("http", "websocket"):
            path: str = scope["path"]
            if len(path) > 1 and path.endswith("/"):
                scope = {**scope, "path": path.removesuffix("/")}
        await self.app(scope, receive, send)


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
        # Escaped: a client's text can have half of a surrogate pair, which UTF-8 cannot hold.
        refusal = json.dumps({"jsonrpc": "2.0", "id": known, "error": error})
        return Response(refusal, 400, media_type="application/json")


def json_object(body: bytes) -> dict[str, Any]:
    """Parse `body` as a JSON object; empty if it is not one."""
    try:
        return object_or_empty(json.loads(body))
    except (ValueError, RecursionError):
        return {}


def object_or_empty(value: object) -> dict[str, Any]:
    """`value` if it is a JSON object; else an empty dict."""
    return cast("dict[str, Any]", value) if isinstance(value, dict) else {}
