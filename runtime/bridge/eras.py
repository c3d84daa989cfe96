"""Requests of MCP 2026-07-28 for programs that speak only revisions with a handshake."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, cast

from mcp import MCPError
from mcp_types import (
    CLIENT_CAPABILITIES_META_KEY,
    CLIENT_INFO_META_KEY,
    INVALID_PARAMS,
    LOG_LEVEL_META_KEY,
    METHOD_NOT_FOUND,
    PROTOCOL_VERSION_META_KEY,
    SERVER_INFO_META_KEY,
)
from mcp_types.methods import CACHEABLE_METHODS, CLIENT_REQUESTS, SPEC_CLIENT_METHODS
from mcp_types.version import (
    LATEST_HANDSHAKE_VERSION,
    LATEST_MODERN_VERSION,
    MODERN_PROTOCOL_VERSIONS,
)

from .. import __version__
from ..request_filters import object_or_empty

Params = dict[str, Any]
CLIENT: Final = {"name": "qudag-mcp-bridge", "version": __version__}
RESOURCE_NOT_FOUND = -32002
"""Of the older revisions; since 2026-07-28 it is `INVALID_PARAMS`."""
_ENVELOPE: Final = frozenset(
    {
        PROTOCOL_VERSION_META_KEY,
        CLIENT_INFO_META_KEY,
        CLIENT_CAPABILITIES_META_KEY,
        LOG_LEVEL_META_KEY,
    }
)


def discovery() -> Params:
    """Parameters of the bridge's own `server/discover`."""
    return {
        "_meta": {
            PROTOCOL_VERSION_META_KEY: LATEST_MODERN_VERSION,
            CLIENT_INFO_META_KEY: CLIENT,
            # Nothing that a program could ask for: its requests would have no client.
            CLIENT_CAPABILITIES_META_KEY: {},
        }
    }


def handshake() -> Params:
    """Parameters of the bridge's own `initialize`."""
    return {
        "protocolVersion": LATEST_HANDSHAKE_VERSION,
        "capabilities": {},
        "clientInfo": CLIENT,
    }


def speaks_modern(discovered: Params) -> bool:
    """Whether the result of `server/discover` names a revision without a handshake."""
    versions = discovered.get("supportedVersions")
    return isinstance(versions, list) and not set(MODERN_PROTOCOL_VERSIONS).isdisjoint(
        map(str, cast("list[object]", versions))
    )


def check_method(method: str) -> None:
    """Raise `MCPError` for a method that only other revisions have, and for notifications.

    A program that looks at the method alone would take such a request for a notification, and
    could cancel the request of another client.
    """
    if method.startswith("notifications/"):
        raise MCPError(METHOD_NOT_FOUND, "Method not found", method)
    if method in SPEC_CLIENT_METHODS and (method, LATEST_MODERN_VERSION) not in CLIENT_REQUESTS:
        raise MCPError(METHOD_NOT_FOUND, "Method not found", method)


def params_to_legacy(params: Mapping[str, Any] | None) -> Params:
    """The parameters without those of the newer revision."""
    kept = dict(params or {})
    meta = {k: v for k, v in object_or_empty(kept.pop("_meta", None)).items() if k not in _ENVELOPE}
    return kept | ({"_meta": meta} if meta else {})


def result_to_modern(method: str, result: Params, initialized: Params) -> Params:
    """The result with the members that the newer revision requires."""
    meta = object_or_empty(result.get("_meta"))
    named = {SERVER_INFO_META_KEY: initialized.get("serverInfo", CLIENT)} | meta
    freshness = {"ttlMs": 0, "cacheScope": "private"} if method in CACHEABLE_METHODS else {}
    return {"resultType": "complete"} | freshness | result | {"_meta": named}


def discovered(initialized: Params) -> Params:
    """The result of `server/discover`, from that of `initialize`."""
    capabilities = object_or_empty(initialized.get("capabilities"))
    result: Params = {
        "supportedVersions": list(MODERN_PROTOCOL_VERSIONS),
        # `tasks` is not a part of the newer revision.
        "capabilities": {name: v for name, v in capabilities.items() if name != "tasks"},
    }
    if isinstance(initialized.get("instructions"), str):
        result["instructions"] = initialized["instructions"]
    return result_to_modern("server/discover", result, initialized)


def error_to_modern(error: MCPError) -> MCPError:
    """The error with the code of the newer revision."""
    if error.error.code == RESOURCE_NOT_FOUND:
        return MCPError(INVALID_PARAMS, error.error.message, error.error.data)
    return error
