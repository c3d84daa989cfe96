"""Limits the size of a request body, and the bytes that a user makes the server hold."""

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
"""How many bodies of the largest size one user may make the server hold in memory."""


class _TooLargeError(Exception):
    """More bytes than allowed have arrived."""


class HeldBytes:
    """Counts the bytes of each user's open requests and of WebSocket messages that are not whole.

    Attributes:
        most: bytes of the largest body.
    """

    def __init__(self, most: int, metrics: Metrics) -> None:
        self.most = most
        self.metrics = metrics
        self.held: Counter[str] = Counter()

    @property
    def most_of_a_user(self) -> int:
        return OPEN_BODIES * self.most

    def has_room(self, user: str, more: int) -> bool:
        """Whether a user may hold so many more bytes."""
        if more <= 0 or self.held[user] + more <= self.most_of_a_user:
            return True
        self.metrics.limited.labels("bodies").inc()
        return False

    def add(self, user: str, more: int) -> None:
        self.held[user] += more
        if self.held[user] <= 0:
            del self.held[user]

    def add_if_room(self, user: str, more: int) -> bool:
        """Count more bytes, unless they are too many; returns whether it did."""
        if not self.has_room(user, more):
            return False
        self.add(user, more)
        return True


class BodyLimit:
    """ASGI middleware that answers 413 to a body of more than `held.most` bytes.

    A body without `Content-Length` counts as the bytes that arrive. A request is answered 429 while
    its user holds too many bytes: a slow body is in memory for `body_seconds`.
    """

    def __init__(self, app: ASGIApp, held: HeldBytes) -> None:
        self.app = app
        self.held = held

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        declared = self._declared(scope)
        user = principal_of(scope) or ""
        if declared > self.held.most:
            await self._refusal()(scope, receive, send)
            return
        if not self.held.has_room(user, declared):
            said = f"Your open requests have {self.held.most_of_a_user} bytes, as many as allowed"
            await too_many(said, 1)(scope, receive, send)
            return
        arrived, held = 0, declared
        self.held.add(user, held)

        async def counted() -> Message:
            nonlocal arrived, held
            message = await receive()
            arrived += len(message.get("body", b""))
            self.held.add(user, max(arrived - held, 0))
            held = max(arrived, held)
            if arrived > self.held.most:
                raise _TooLargeError
            return message

        try:
            await self.app(scope, counted, send)
        except _TooLargeError:  # nothing is answered before the whole body is there
            await self._refusal()(scope, receive, send)
        finally:
            self.held.add(user, -held)

    @staticmethod
    def _declared(scope: Scope) -> int:
        declared = Headers(scope=scope).get("content-length", "")
        return int(declared) if declared.isdecimal() else 0

    def _refusal(self) -> JSONResponse:
        said = f"The body is larger than {self.held.most} bytes, which is the limit"
        error = {"code": INVALID_REQUEST, "message": said}
        return JSONResponse({"jsonrpc": "2.0", "id": None, "error": error}, 413)
