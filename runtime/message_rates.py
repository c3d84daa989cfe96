"""Limits how many messages a user may send per second, over all connections of this process."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from mcp_types import INTERNAL_ERROR
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from .metrics import Metrics
from .principals import principal_of

USERS_KEPT = 10_000
"""Users after which those without recent messages are removed from memory."""


@dataclass
class MessageRates:
    """A rate with a burst for each user, like nginx's `limit_req`: a message above it is refused.

    Attributes:
        per_second: sustained rate; 0: no limit.
        burst: messages above the rate, at once.
        due: by user, when all messages so far would have been sent at the sustained rate.
    """

    per_second: float
    burst: int
    now: Callable[[], float] = time.monotonic
    due: dict[str, float] = field(default_factory=dict[str, float])

    def wait(self, user: str) -> float:
        """Count a message of `user`; if it is refused, the seconds until one is accepted, else 0.

        A refused message does not count.
        """
        if not self.per_second:
            return 0.0
        now = self.now()
        due = max(self.due.get(user, now), now)
        early = due - now - self.burst / self.per_second
        if early > 1e-9:
            return early
        self.due[user] = due + 1 / self.per_second
        if len(self.due) > USERS_KEPT:
            self.due = {kept: moment for kept, moment in self.due.items() if moment > now}
        return 0.0


class MessageLimit:
    """ASGI middleware that answers 429 to the messages of a user that are above the rate.

    Every POST is a message; so is every WebSocket frame, which comes here as a POST. DELETE and
    GET are not limited: to end a session costs nothing, and streams have a quota of their own.
    """

    def __init__(self, app: ASGIApp, rates: MessageRates, metrics: Metrics) -> None:
        self.app = app
        self.rates = rates
        self.metrics = metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        user = principal_of(scope) if scope["method"] == "POST" else None
        if user is not None and (wait := self.rates.wait(user)):
            self.metrics.limited.labels("messages").inc()
            rate = f"{self.rates.per_second:g} messages a second"
            await too_many(f"You may send {rate}", wait)(scope, receive, send)
        else:
            await self.app(scope, receive, send)


def too_many(message: str, wait_seconds: float) -> JSONResponse:
    """A 429 answer with a JSON-RPC error and `Retry-After`."""
    error = {"code": INTERNAL_ERROR, "message": f"{message}: try again later"}
    body = {"jsonrpc": "2.0", "id": None, "error": error}
    return JSONResponse(body, 429, {"retry-after": str(math.ceil(wait_seconds))})
