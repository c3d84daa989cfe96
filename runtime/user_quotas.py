"""Limits how many legacy sessions and how many streams a user may have open."""

from __future__ import annotations

import contextlib
import time
from collections import Counter
from collections.abc import Callable, Generator
from dataclasses import dataclass, field

from mcp.server.streamable_http import MCP_SESSION_ID_HEADER
from mcp.server.streamable_http_manager import DEFAULT_SESSION_IDLE_TIMEOUT
from mcp_types.version import HANDSHAKE_PROTOCOL_VERSIONS
from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from .message_rates import USERS_KEPT, too_many
from .metrics import Metrics
from .principals import principal_of
from .request_filters import VERSION_HEADER

RETRY_SECONDS = 60


class QuotaError(Exception):
    """The user has reached the limit of open streams; the message is sent to the client."""


class OpenStreams:
    """Counts the open streams of each user: GET streams, subscriptions and WebSockets."""

    def __init__(self, most: int, metrics: Metrics) -> None:
        self.most = most
        self.metrics = metrics
        self.open: Counter[str] = Counter()

    @contextlib.contextmanager
    def one_more(self, user: str | None) -> Generator[None]:
        """Count a stream of `user` while it is open; raises `QuotaError`."""
        if user is None:
            yield
            return
        if self.open[user] >= self.most:
            self.metrics.limited.labels("streams").inc()
            raise QuotaError(f"You have {self.most} streams open, which is the limit")
        self.open[user] += 1
        try:
            yield
        finally:
            self.open[user] -= 1
            if not self.open[user]:
                del self.open[user]


class StreamQuota:
    """ASGI middleware that answers 429 to a GET stream above the quota of its user."""

    def __init__(self, app: ASGIApp, streams: OpenStreams) -> None:
        self.app = app
        self.streams = streams

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["method"] != "GET":
            await self.app(scope, receive, send)
            return
        try:
            with self.streams.one_more(principal_of(scope)):
                await self.app(scope, receive, send)
        except QuotaError as full:
            await too_many(str(full), RETRY_SECONDS)(scope, receive, send)


@dataclass
class _Sessions:
    """The sessions of one user.

    Attributes:
        used: by session id, when its last request began or ended.
        opening: requests under way that may open a session.
    """

    used: dict[str, float] = field(default_factory=dict[str, float])
    opening: int = 0


class SessionQuota:
    """ASGI middleware that answers 429 when a user opens more legacy sessions than allowed.

    It is for sessions in this process's memory, which the SDK ends after half an hour without a
    request.
    """

    def __init__(
        self,
        app: ASGIApp,
        most: int,
        metrics: Metrics,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        self.app = app
        self.most = most
        self.metrics = metrics
        self.now = now
        self.users: dict[str, _Sessions] = {}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        headers = Headers(scope=scope)
        version = headers.get(VERSION_HEADER)
        if version is not None and version not in HANDSHAKE_PROTOCOL_VERSIONS:
            await self.app(scope, receive, send)  # the modern era has no sessions
            return
        user = principal_of(scope)
        if user is None:
            await self.app(scope, receive, send)
        elif (named := headers.get(MCP_SESSION_ID_HEADER)) is not None:
            await self._use(user, named, scope, receive, send)
        elif self._is_full(user):
            self.metrics.limited.labels("sessions").inc()
            said = f"You have {self.most} sessions open, which is the limit; end one with DELETE"
            await too_many(said, RETRY_SECONDS)(scope, receive, send)
        else:
            await self._open(user, scope, receive, send)

    def _is_full(self, user: str) -> bool:
        sessions = self.users.get(user)
        if sessions is None or len(sessions.used) + sessions.opening < self.most:
            return False
        self._drop_idle(sessions)
        return len(sessions.used) + sessions.opening >= self.most

    async def _open(self, user: str, scope: Scope, receive: Receive, send: Send) -> None:
        if len(self.users) >= USERS_KEPT:
            self._forget_idle()
        sessions = self.users.setdefault(user, _Sessions())
        sessions.opening += 1

        async def noting(part: Message) -> None:
            if part["type"] == "http.response.start" and part["status"] < 400:
                named = Headers(raw=part["headers"]).get(MCP_SESSION_ID_HEADER)
                if named is not None:
                    sessions.used[named] = self.now()
            await send(part)

        try:
            await self.app(scope, receive, noting)
        finally:
            sessions.opening -= 1
            self._forget_without_sessions(user)

    async def _use(self, user: str, named: str, scope: Scope, receive: Receive, send: Send) -> None:
        statuses: list[int] = []

        async def noting(part: Message) -> None:
            if part["type"] == "http.response.start":
                statuses.append(part["status"])
            await send(part)

        await self.app(scope, receive, noting)
        sessions = self.users.get(user)
        if sessions is None or named not in sessions.used:
            return
        ended = scope["method"] == "DELETE" and statuses in ([200], [204])
        if ended or statuses == [404]:
            del sessions.used[named]
            self._forget_without_sessions(user)
        else:
            sessions.used[named] = self.now()

    def _drop_idle(self, sessions: _Sessions) -> None:
        since = self.now() - DEFAULT_SESSION_IDLE_TIMEOUT
        sessions.used = {name: used for name, used in sessions.used.items() if used > since}

    def _forget_idle(self) -> None:
        for user, sessions in list(self.users.items()):
            self._drop_idle(sessions)
            self._forget_without_sessions(user)

    def _forget_without_sessions(self, user: str) -> None:
        sessions = self.users.get(user)
        if sessions is not None and not sessions.used and not sessions.opening:
            del self.users[user]
