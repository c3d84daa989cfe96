"""Which requests reach the protocol: known hosts, and the eras that this server serves."""

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


class KnownHosts:
    """Answers only Host (and, from browsers, Origin) values that are ours: no DNS rebinding.

    An entry without a port matches every port. With no entries every host is answered.
    """

    def __init__(self, app: ASGIApp, allowed: tuple[str, ...]) -> None:
        self.app = app
        self.allowed = frozenset(host.lower() for host in allowed)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        headers = Headers(scope=scope)
        origin = headers.get("origin")
        if self.allowed and not self._known(headers.get("host", "")):
            await Response("This host is not served here.", 421)(scope, receive, send)
        elif self.allowed and origin is not None and not self._known(urlsplit(origin).netloc):
            await Response("This origin may not call here.", 403)(scope, receive, send)
        else:
            await self.app(scope, receive, send)

    def _known(self, authority: str) -> bool:
        authority = authority.lower()
        name, colon, port = authority.rpartition(":")
        without_port = name if colon and port.isdigit() else authority
        return authority in self.allowed or without_port in self.allowed


class EraGate:
    """Refuses what belongs to an era that this server does not serve.

    A request names its era by the MCP-Protocol-Version header: the revisions with a handshake,
    or none at all, are legacy. The refusal is the specification's UnsupportedProtocolVersion
    error, HTTP 400, with the versions that are served, so that a dual-era client falls back.
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
            # No session to open a stream for or to delete: POST is all there is.
            await Response(status_code=405, headers={"allow": "POST"})(scope, receive, send)
        else:
            refusal = await self._unsupported(Request(scope, receive), version)
            await refusal(scope, receive, send)

    async def _unsupported(self, request: Request, version: str | None) -> Response:
        asked = envelope(await request.body())
        offered = mapping(asked.get("params")).get("protocolVersion", "unstated")
        served = MODERN_PROTOCOL_VERSIONS if self.era == "modern" else HANDSHAKE_PROTOCOL_VERSIONS
        error = {
            "code": UNSUPPORTED_PROTOCOL_VERSION,
            "message": f"Unsupported protocol version: this server serves {', '.join(served)}",
            "data": {"supported": list(served), "requested": version or str(offered)},
        }
        identity = asked.get("id")
        known = identity if isinstance(identity, str | int) else None
        return JSONResponse({"jsonrpc": "2.0", "id": known, "error": error}, 400)


def envelope(body: bytes) -> dict[str, Any]:
    """The JSON object that `body` holds; empty when it holds none."""
    try:
        return mapping(json.loads(body))
    except (ValueError, RecursionError):
        return {}


def mapping(value: object) -> dict[str, Any]:
    """`value` where it is an object; else an empty one."""
    return cast("dict[str, Any]", value) if isinstance(value, dict) else {}
