"""Limits the size of a request body, and the bytes of all open requests of a user."""

from __future__ import annotations

from collections import Counter

from mcp_types import INVALID_REQUEST
from starlette.datastructures import Headers
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from .message_rates import too_many
from .metrics import Metrics
from .principals import principal_of

OPEN_BODIES = 16
"""How many bodies of the largest size the open requests of one user may hold in memory."""


class _TooLargeError(Exception):
    """More bytes than allowed have arrived."""


class BodyLimit:
    """ASGI middleware that answers 413 to a body of more than `most` bytes.

    A body without `Content-Length` counts as the bytes that arrive. A request is answered 429 while
    the open requests of its user hold too many bytes: a slow body is in memory for `body_seconds`.

    Attributes:
        held: by user, the bytes of the open requests, declared or arrived.
    """

    def __init__(self, app: ASGIApp, most: int, metrics: Metrics) -> None:
        self.app = app
        self.most = most
        self.metrics = metrics
        self.held: Counter[str] = Counter()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        declared = self._declared(scope)
        user = principal_of(scope) or ""
        if declared > self.most:
            await self._refusal()(scope, receive, send)
            return
        if self.held[user] + declared > OPEN_BODIES * self.most:
            self.metrics.limited.labels("bodies").inc()
            said = f"Your open requests have {OPEN_BODIES * self.most} bytes, as many as allowed"
            await too_many(said, 1)(scope, receive, send)
            return
        arrived, held = 0, declared
        self.held[user] += held

        async def counted() -> Message:
            nonlocal arrived, held
            message = await receive()
            arrived += len(message.get("body", b""))
            self.held[user] += max(arrived - held, 0)
            held = max(arrived, held)
            if arrived > self.most:
                raise _TooLargeError
            return message

        try:
            await self.app(scope, counted, send)
        except _TooLargeError:  # nothing is answered before the whole body is there
            await self._refusal()(scope, receive, send)
        finally:
            self.held[user] -= held
            if not self.held[user]:
                del self.held[user]

    @staticmethod
    def _declared(scope: Scope) -> int:
        declared = Headers(scope=scope).get("content-length", "")
        return int(declared) if declared.isdecimal() else 0

    def _refusal(self) -> JSONResponse:
        said = f"The body is larger than {self.most} bytes, which is the limit"
        error = {"code": INVALID_REQUEST, "message": said}
        return JSONResponse({"jsonrpc": "2.0", "id": None, "error": error}, 413)
