"""Interfaces of the stores of sessions and WebSocket connections that instances share."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Protocol

LONGEST_KEY = 256
"""Longest name of a request in a store, in characters; every kind of store accepts as many."""


@dataclass(frozen=True, kw_only=True)
class Session:
    """A legacy MCP session.

    Attributes:
        user_id: the `sub` claim of the token that opened it.
        expires_at: seconds since the epoch; from then on the session counts as absent.
    """

    session_id: str
    user_id: str
    protocol_version: str
    expires_at: int


class SessionStore(Protocol):
    """Keeps sessions, and the cancellations of calls that another instance may run."""

    async def open(self, session: Session, most: int) -> bool:
        """Store a new session, unless its user has `most` already; returns whether it did."""
        ...

    async def renew(self, session: Session) -> None:
        """Update a session; does nothing if it is absent, so that a closed one stays closed."""
        ...

    async def find(self, session_id: str) -> Session | None:
        """The session, or None if it is absent or has expired."""
        ...

    async def close(self, session_id: str) -> None:
        """Delete the session; does nothing if it is absent."""
        ...

    async def cancel(self, session_id: str, request_id: str) -> None:
        """Record a `cancellation`."""
        ...

    async def cancelled(self, session_id: str) -> frozenset[str] | None:
        """Each recorded `cancellation` of the session; None if there is no such session."""
        ...


def request_key(identity: object) -> str | None:
    """The name in a store of the request with this id; None if the id is not valid.

    `1` and `"1"` are different ids.
    """
    if isinstance(identity, bool) or not isinstance(identity, str | int):
        return None
    key = json.dumps(identity)
    return key if len(key) <= LONGEST_KEY else None


def cancellation(request: str, at: float) -> str:
    """What a store records when the request with this `request_key` is cancelled.

    Args:
        at: seconds since the epoch. A later request can have the same id, and is not cancelled.
    """
    return f"{at:.3f} {request}"


def is_cancelled(recorded: frozenset[str], request: str | None, since: float) -> bool:
    """Whether a request that runs since then has been cancelled."""
    parts = [name.partition(" ") for name in recorded]
    return any(key == request and float(at) >= since for at, _, key in parts if key)


@dataclass(frozen=True, kw_only=True)
class Connection:
    """A WebSocket connection that API Gateway holds open."""

    connection_id: str
    user_id: str
    expires_at: int


class ConnectionStore(Protocol):
    """Keeps the open WebSocket connections with their users."""

    async def connect(self, connection: Connection) -> None:
        """Store a new connection."""
        ...

    async def find(self, connection_id: str) -> Connection | None:
        """The connection, or None if it is absent or has expired."""
        ...

    async def disconnect(self, connection_id: str) -> None:
        """Delete the connection; does nothing if it is absent."""
        ...


@dataclass(frozen=True)
class Stores:
    """The session store and the connection store of one database."""

    sessions: SessionStore
    connections: ConnectionStore
