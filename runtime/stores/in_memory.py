"""Session and connection stores in the process's memory, for a single instance and for tests."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field

from ..state import Connection, Session, Stores

CANCELLATIONS_KEPT = 100
"""A running call reads them every second, and a user sends far fewer messages in that time."""


@dataclass
class InMemorySessions:
    """A `SessionStore` in memory; `open` deletes expired sessions.

    Attributes:
        cancellations: by session, the newest `CANCELLATIONS_KEPT`.
    """

    now: Callable[[], float] = time.time
    sessions: dict[str, Session] = field(default_factory=dict[str, Session])
    cancellations: dict[str, deque[str]] = field(default_factory=dict[str, deque[str]])

    async def open(self, session: Session, most: int) -> bool:
        for kept in [s for s in self.sessions.values() if s.expires_at <= self.now()]:
            await self.close(kept.session_id)
        if sum(kept.user_id == session.user_id for kept in self.sessions.values()) >= most:
            return False
        self.sessions[session.session_id] = session
        return True

    async def renew(self, session: Session) -> None:
        if session.session_id in self.sessions:
            self.sessions[session.session_id] = session

    async def find(self, session_id: str) -> Session | None:
        session = self.sessions.get(session_id)
        return session if session and session.expires_at > self.now() else None

    async def close(self, session_id: str) -> None:
        self.sessions.pop(session_id, None)
        self.cancellations.pop(session_id, None)

    async def cancel(self, session_id: str, request_id: str) -> None:
        if session_id in self.sessions:
            kept = self.cancellations.setdefault(session_id, deque(maxlen=CANCELLATIONS_KEPT))
            kept.append(request_id)

    async def cancelled(self, session_id: str) -> frozenset[str] | None:
        if session_id not in self.sessions:
            return None
        return frozenset(self.cancellations.get(session_id, ()))


@dataclass
class InMemoryConnections:
    """A `ConnectionStore` in memory; `connect` deletes expired connections."""

    now: Callable[[], float] = time.time
    connections: dict[str, Connection] = field(default_factory=dict[str, Connection])

    async def connect(self, connection: Connection) -> None:
        for kept in [c for c in self.connections.values() if c.expires_at <= self.now()]:
            await self.disconnect(kept.connection_id)
        self.connections[connection.connection_id] = connection

    async def find(self, connection_id: str) -> Connection | None:
        connection = self.connections.get(connection_id)
        return connection if connection and connection.expires_at > self.now() else None

    async def disconnect(self, connection_id: str) -> None:
        self.connections.pop(connection_id, None)


def stores() -> Stores:
    """Empty stores in memory."""
    return Stores(InMemorySessions(), InMemoryConnections())
