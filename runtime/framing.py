"""MCP in frames: a message of one is a POST to /mcp, and its answer is taken apart into frames.

It is the modern era's, which has no session.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any, cast

from mcp.shared.inbound import (
    MCP_METHOD_HEADER,
    MCP_NAME_HEADER,
    MCP_PROTOCOL_VERSION_HEADER,
    NAME_BEARING_METHODS,
    encode_header_value,
)
from mcp_types import (
    INVALID_REQUEST,
    PARSE_ERROR,
    PROTOCOL_VERSION_META_KEY,
    UNSUPPORTED_PROTOCOL_VERSION,
)
from mcp_types.version import LATEST_MODERN_VERSION, MODERN_PROTOCOL_VERSIONS
from starlette.types import Message, Scope

from .gate import mapping

KEPT_HEADERS = frozenset({b"authorization", b"host", b"origin", b"traceparent"})


class NoMessageError(Exception):
    """A frame that holds no JSON-RPC message; `code` is the error's that answers it."""

    def __init__(self, code: int) -> None:
        self.code = code
        super().__init__("a frame holds one JSON-RPC message")


def message_of(frame: str) -> dict[str, Any]:
    """The JSON-RPC message in `frame`; raises `NoMessageError`."""
    try:
        message: object = json.loads(frame)
    except (ValueError, RecursionError):
        raise NoMessageError(PARSE_ERROR) from None
    if not isinstance(message, dict):
        raise NoMessageError(INVALID_REQUEST)
    return cast("dict[str, Any]", message)


def cancelled_by(message: Mapping[str, Any]) -> str | int | None:
    """The id of the request that `message` cancels, where that is what it does."""
    if message.get("method") != "notifications/cancelled":
        return None
    return identity_of(mapping(message.get("params")).get("requestId"))


def objection_to(message: Mapping[str, Any]) -> tuple[int, str] | None:
    """Why a frame cannot carry `message`, as error code and text."""
    if (version := _version(message)) in MODERN_PROTOCOL_VERSIONS:
        return None
    spoken = ", ".join(MODERN_PROTOCOL_VERSIONS)
    return UNSUPPORTED_PROTOCOL_VERSION, f"a WebSocket speaks {spoken}, not {version}"


def error_frame(identity: str | int | None, code: int, why: str) -> str:
    """The frame that answers a message with an error."""
    error = {"code": code, "message": why}
    return json.dumps({"jsonrpc": "2.0", "id": identity, "error": error})


def posted(opened: Scope, message: Mapping[str, Any]) -> Scope:
    """The POST with which a client would have sent this message to /mcp."""
    params = mapping(message.get("params"))
    method = str(message.get("method", ""))
    named = NAME_BEARING_METHODS.get(method)
    derived = {
        "content-type": "application/json",
        "accept": "application/json, text/event-stream",
        MCP_PROTOCOL_VERSION_HEADER: _version(message),
        MCP_METHOD_HEADER: encode_header_value(method),
        **({MCP_NAME_HEADER: encode_header_value(str(params.get(named)))} if named else {}),
    }
    headers: list[tuple[bytes, bytes]] = [
        (name, value)
        for name, value in opened["headers"]
        if name in KEPT_HEADERS or name.startswith(b"x-forwarded-")
    ]
    headers += [(name.encode(), value.encode()) for name, value in derived.items()]
    return {
        **opened,
        "type": "http",
        "scheme": str(opened["scheme"]).replace("ws", "http"),
        "method": "POST",
        "path": "/mcp",
        "raw_path": b"/mcp",
        "headers": headers,
    }


def _version(message: Mapping[str, Any]) -> str:
    """The revision that a message says it is of; the newest where it does not say."""
    meta = mapping(mapping(message.get("params")).get("_meta"))
    return str(meta.get(PROTOCOL_VERSION_META_KEY, LATEST_MODERN_VERSION))


class Answer:
    """The HTTP answer to one message, taken apart into frames.

    Attributes:
        asked: whether the body was read.
        refusal: why there will be no JSON-RPC message in answer.
    """

    def __init__(self) -> None:
        self.asked = False
        self.refusal: str | None = None
        self.events = False
        self.status = 0
        self.rest = b""

    def frames(self, part: Message) -> Iterator[str]:
        """The messages that `part` of the answer completes."""
        if part["type"] == "http.response.start":
            headers = dict(part["headers"])
            self.status = part["status"]
            self.events = headers.get(b"content-type", b"").startswith(b"text/event-stream")
            return
        self.rest += part.get("body", b"")
        if self.events:
            *whole, self.rest = self.rest.replace(b"\r\n", b"\n").split(b"\n\n")
            yield from filter(None, map(_data, whole))
        elif not part.get("more_body", False) and self.rest:
            if b'"jsonrpc"' in self.rest:
                yield self.rest.decode()
            else:
                self.refusal = f"HTTP {self.status}: {self.rest.decode(errors='replace')[:200]}"


def _data(event: bytes) -> str:
    lines = [line[5:].strip() for line in event.split(b"\n") if line.startswith(b"data:")]
    return b"\n".join(lines).decode()


def identity_of(value: object) -> str | int | None:
    """`value` where it can be a request's id."""
    return value if isinstance(value, str | int) and not isinstance(value, bool) else None
