"""Converts between WebSocket frames and HTTP: a frame becomes a POST to `/mcp`, and each JSON-RPC
message in the response becomes a frame.

Only modern revisions of MCP are supported, because they have no session.
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

from .request_filters import object_or_empty

COUNT_UNFINISHED = "qudag.count_unfinished"
"""Key in the extensions of the ASGI scope: a function that calls another one with the growth of
the message that is not whole yet, in bytes."""

KEPT_HEADERS = frozenset({b"authorization", b"host", b"origin", b"traceparent"})


class NoMessageError(Exception):
    """A frame is not a JSON-RPC message; `code` is the JSON-RPC error code of the answer."""

    def __init__(self, code: int) -> None:
        self.code = code
        super().__init__("a frame must hold one JSON-RPC message")


def message_of(frame: str) -> dict[str, Any]:
    """Parse the JSON-RPC message in `frame`; raises `NoMessageError`."""
    try:
        message: object = json.loads(frame)
    except (ValueError, RecursionError):
        raise NoMessageError(PARSE_ERROR) from None
    if not isinstance(message, dict):
        raise NoMessageError(INVALID_REQUEST)
    return cast("dict[str, Any]", message)


def cancelled_by(message: Mapping[str, Any]) -> str | int | None:
    """The request id in a `notifications/cancelled`; None if it has no valid one."""
    if message.get("method") != "notifications/cancelled":
        return None
    return identity_of(object_or_empty(message.get("params")).get("requestId"))


def objection_to(message: Mapping[str, Any]) -> tuple[int, str] | None:
    """The error code and text for a `message` that WebSockets do not support; else None."""
    if (version := _version(message)) in MODERN_PROTOCOL_VERSIONS:
        return None
    spoken = ", ".join(MODERN_PROTOCOL_VERSIONS)
    return UNSUPPORTED_PROTOCOL_VERSION, f"WebSockets support {spoken}, not {version}"


def error_frame(identity: str | int | None, code: int, why: str) -> str:
    """A JSON-RPC error as the text of a frame."""
    error = {"code": code, "message": why}
    return json.dumps({"jsonrpc": "2.0", "id": identity, "error": error})


def posted(opened: Scope, message: Mapping[str, Any]) -> Scope:
    """The ASGI scope of a POST of this message to `/mcp`.

    Args:
        opened: the scope of the WebSocket's handshake, whose headers and user are taken over.
    """
    params = object_or_empty(message.get("params"))
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
    """The protocol version in the message's `_meta`; the newest if it has none."""
    meta = object_or_empty(object_or_empty(message.get("params")).get("_meta"))
    return str(meta.get(PROTOCOL_VERSION_META_KEY, LATEST_MODERN_VERSION))


class Answer:
    """Splits the HTTP response to one message into frames.

    Attributes:
        identity: the id of the message, for an error that was sent before the message was read.
        asked: whether the application has read the request body.
        refusal: the reason why the response holds no JSON-RPC message.
    """

    def __init__(self, identity: str | int | None) -> None:
        self.identity = identity
        self.asked = False
        self.refusal: str | None = None
        self.events = False
        self.status = 0
        self.rest = b""

    def frames(self, part: Message) -> Iterator[str]:
        """The JSON-RPC messages that are complete with this `part` of the response."""
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
                yield self._identified(self.rest.decode())
            else:
                self.refusal = f"HTTP {self.status}: {self.rest.decode(errors='replace')[:200]}"

    def _identified(self, text: str) -> str:
        if self.status < 400 or self.identity is None:
            return text
        error = json.loads(text)
        return json.dumps({**error, "id": self.identity}) if error.get("id") is None else text


def _data(event: bytes) -> str:
    lines = [line[5:].strip() for line in event.split(b"\n") if line.startswith(b"data:")]
    return b"\n".join(lines).decode()


def identity_of(value: object) -> str | int | None:
    """`value` if it is a valid JSON-RPC request id; else None."""
    return value if isinstance(value, str | int) and not isinstance(value, bool) else None
