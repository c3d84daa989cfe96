"""Answers clients by their `Accept` header: in JSON alone as a setting, or 406 with the reason."""

from __future__ import annotations

import json
from functools import lru_cache
from typing import Any

from mcp.server.streamable_http import check_accept_headers
from mcp_types import INTERNAL_ERROR, INVALID_REQUEST
from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from .request_filters import json_object

BOTH = "application/json, text/event-stream"


class AcceptedTypes:
    """ASGI middleware that refuses a POST whose `Accept` lacks one of the two media types.

    Args:
        json_answers: accept `application/json` alone, and answer with one JSON body in place of a
            stream. Progress and other notifications of the request are left out.
    """

    def __init__(self, app: ASGIApp, *, json_answers: bool) -> None:
        self.app = app
        self.json_answers = json_answers

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["method"] != "POST":
            await self.app(scope, receive, send)
            return
        has_json, has_stream = _named(Headers(scope=scope).get("accept", ""))
        if has_json and has_stream:
            await self.app(scope, receive, send)
        elif has_json and self.json_answers:
            scope = {**scope, "headers": list(scope["headers"])}
            MutableHeaders(scope=scope)["accept"] = BOTH
            answer = _JsonAnswer(send)
            await self.app(scope, receive, answer.send)
            await answer.end()
        else:
            await self._refusal(has_json=has_json)(scope, receive, send)

    def _refusal(self, *, has_json: bool) -> JSONResponse:
        wanted = "application/json" if self.json_answers else "application/json, text/event-stream"
        said = f"Not Acceptable: the Accept header must name {wanted}"
        if has_json:
            said += "; the setting protocol.json_answers makes application/json enough"
        return JSONResponse(_error(INVALID_REQUEST, said), 406)


class _JsonAnswer:
    """Forwards a response; of an event stream only the result, as one JSON body."""

    def __init__(self, wire: Send) -> None:
        self.wire = wire
        self.start: Message | None = None
        self.unread = b""
        self.ended = False

    async def send(self, part: Message) -> None:
        if part["type"] == "http.response.start":
            if Headers(raw=part["headers"]).get("content-type", "").startswith("text/event-stream"):
                self.start = part
            else:
                await self.wire(part)
        elif self.start is None:
            await self.wire(part)
        else:
            *events, self.unread = (self.unread + part.get("body", b"")).split(b"\r\n\r\n")
            for event in events:
                message = _message(event)
                if "result" in message or "error" in message:
                    await self._write(200, message)

    async def end(self) -> None:
        """Answer a stream that ended without a result."""
        if self.start is not None and not self.ended:
            await self._write(500, _error(INTERNAL_ERROR, "The call ended without a result"))

    async def _write(self, status: int, message: dict[str, Any]) -> None:
        if self.start is None or self.ended:
            return
        self.ended = True
        body = json.dumps(message, ensure_ascii=False, separators=(",", ":")).encode()
        start = {**self.start, "status": status, "headers": list(self.start["headers"])}
        headers = MutableHeaders(scope=start)
        headers["content-type"] = "application/json"
        headers["content-length"] = str(len(body))
        del headers["x-accel-buffering"]
        await self.wire(start)
        await self.wire({"type": "http.response.body", "body": body, "more_body": False})


@lru_cache(maxsize=256)
def _named(accept: str) -> tuple[bool, bool]:
    """Whether the `Accept` header names JSON, and event streams."""
    return check_accept_headers(
        Request({"type": "http", "headers": [(b"accept", accept.encode("latin-1"))]})
    )


def _message(event: bytes) -> dict[str, Any]:
    """The JSON object in the `data` of one server-sent event; empty for a comment."""
    lines = [line for line in event.splitlines() if line.startswith(b"data:")]
    return json_object(b"".join(line.removeprefix(b"data:") for line in lines))


def _error(code: int, message: str) -> dict[str, Any]:
    return {"jsonrpc": "2.0", "id": None, "error": {"code": code, "message": message}}
