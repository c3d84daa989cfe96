"""What outlives one request where the next may reach another instance: sessions, connections."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Protocol

LONGEST_KEY = 256
"""Characters that may name a request in a store; any kind takes as many, in its own coding."""


@dataclass(frozen=True, kw_only=True)
class Session:
    """A session of the legacy era, which any instance may serve.

    Attributes:
        user_id: the subject whose token opened it.
        expires_at: seconds since the epoch; from then on it is as if it had never been.
    """

    session_id: str
    user_id: str
    protocol_version: str
    expires_at: int


class SessionStore(Protocol):
    """Keeps sessions, and which of their calls are to be cancelled wherever they run."""

    async def open(self, session: Session) -> None:
        """Keep `session`."""
        ...

    async def renew(self, session: Session) -> None:
        """Keep what is new of `session`; nothing when it is absent: what was closed stays so."""
        ...

    async def find(self, session_id: str) -> Session | None:
        """The session, None when it is absent or has expired."""
        ...

    async def close(self, session_id: str) -> None:
        """Forget the session; nothing when it is absent."""
        ...

    async def of_user(self, user_id: str) -> list[Session]:
        """The sessions of a subject that have not expired."""
        ...

    async def cancel(self, session_id: str, request_id: str) -> None:
        """Tell the instance that works on a request, by its `request_key`, to end it."""
        ...

    async def cancelled(self, session_id: str) -> frozenset[str]:
        """The requests of the session that were cancelled, by their `request_key`."""
        ...


def request_key(identity: object) -> str | None:
    """How a store names the request with this id; None for what no request can have as one.

    `1` and `"1"` are two ids.
    """
    if isinstance(identity, bool) or not isinstance(identity, str | int):
        return None
    key = json.dumps(identity)
    return key if len(key) <= LONGEST_KEY else None


@dataclass(frozen=True, kw_only=True)
class Connection:
    """A WebSocket that the cloud holds open in our place."""

    connection_id: str
    user_id: str
    expires_at: int


class ConnectionStore(Protocol):
    """Keeps which connections are open, and whose they are."""

    async def connect(self, connection: Connection) -> None:
        """Keep `connection`."""
        ...

    async def find(self, connection_id: str) -> Connection | None:
        """The connection, None when it is absent or has expired."""
        ...

    async def disconnect(self, connection_id: str) -> None:
        """Forget the connection; nothing when it is absent."""
        ...


@dataclass(frozen=True)
class Stores:
    """Both stores of one place."""

    sessions: SessionStore
    connections: ConnectionStore
