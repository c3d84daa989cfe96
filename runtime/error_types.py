"""The values of `error.type` in spans and in metrics of MCP requests: few, and known in advance.

OpenTelemetry's conventions for MCP name the code of a JSON-RPC error, and `tool_error` for a tool
whose result says that it failed. Another server may answer with any code, and a handler of a user
may raise any exception.
"""

from __future__ import annotations

import asyncio
from typing import Final

from mcp.server.streamable_http import REQUEST_CANCELLED
from mcp.shared.exceptions import MCPError
from mcp_types import (
    CONNECTION_CLOSED,
    HEADER_MISMATCH,
    INTERNAL_ERROR,
    INVALID_PARAMS,
    INVALID_REQUEST,
    METHOD_NOT_FOUND,
    MISSING_REQUIRED_CLIENT_CAPABILITY,
    PARSE_ERROR,
    REQUEST_TIMEOUT,
    UNSUPPORTED_PROTOCOL_VERSION,
    URL_ELICITATION_REQUIRED,
)
from pydantic import ValidationError

NONE: Final = ""
"""Prometheus has no difference between an empty label and none."""
TOOL_ERROR: Final = "tool_error"
CANCELLED: Final = "cancelled"
"""Nobody waits for the answer, or the time is over."""
OTHER: Final = "_OTHER"
"""What OpenTelemetry names every error that has no name of its own."""
_CODES: Final = {
    code: str(code)
    for code in (
        CONNECTION_CLOSED,
        HEADER_MISMATCH,
        INTERNAL_ERROR,
        INVALID_PARAMS,
        INVALID_REQUEST,
        METHOD_NOT_FOUND,
        MISSING_REQUIRED_CLIENT_CAPABILITY,
        PARSE_ERROR,
        REQUEST_CANCELLED,
        REQUEST_TIMEOUT,
        UNSUPPORTED_PROTOCOL_VERSION,
        URL_ELICITATION_REQUIRED,
    )
}


def error_type(error: BaseException) -> str:
    """The `error.type` of a request that ended with this exception."""
    match error:
        case MCPError():
            return _CODES.get(error.error.code, OTHER)
        case ValidationError():
            return _CODES[INVALID_PARAMS]
        case asyncio.CancelledError():
            return CANCELLED
        case _:
            return _CODES[INTERNAL_ERROR]
