"""Refuses request bodies above the configured size, before they are read in full."""

from __future__ import annotations

from mcp_types import INVALID_REQUEST
from starlette.datastructures import Headers
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send


class _TooLargeError(Exception):
    """More bytes than allowed have arrived."""


class BodyLimit:
    """ASGI middleware that answers 413 to a body of more than `most` bytes.

    A body without `Content-Length` counts as the bytes that arrive.
    """

    def __init__(self, app: ASGIApp, most: int) -> None:
        self.app = app
        self.most = most

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if self._declared(scope) > self.most:
            await self._refusal()(scope, receive, send)
            return
        arrived = 0

        async def counted() -> Message:
            nonlocal arrived
            message = await receive()
            arrived += len(message.get("body", b""))
            if arrived > self.most:
                raise _TooLargeError
            return message

        try:
            await self.app(scope, counted, send)
        except _TooLargeError:  # nothing is answered before the whole body is there
            await self._refusal()(scope, receive, send)

    @staticmethod
    def _declared(scope: Scope) -> int:
        declared = Headers(scope=scope).get("content-length", "")
        return int(declared) if declared.isdecimal() else 0

    def _refusal(self) -> JSONResponse:
        said = f"The body is larger than {self.most} bytes, which is the limit"
        error = {"code": INVALID_REQUEST, "message": said}
        return JSONResponse({"jsonrpc": "2.0", "id": None, "error": error}, 413)
