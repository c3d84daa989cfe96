"""Keeps a session with a legacy server for each caller."""

from __future__ import annotations

import itertools
from collections import OrderedDict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import anyio
from mcp_types.version import HANDSHAKE_PROTOCOL_VERSIONS, LATEST_HANDSHAKE_VERSION

from .. import __version__
from .answers import Message
from .callers import Caller
from .connections import Connections
from .failures import InvalidAnswerError

IDLE_SECONDS = 300.0
MOST_SESSIONS = 1_000

SESSION_ID = "mcp-session-id"
VERSION = "mcp-protocol-version"


@dataclass(eq=False)
class Session:
    """A session of one caller.

    Attributes:
        id: None before it is opened, and for a server without sessions.
        headers: those that end it, without the caller's token.
    """

    version: str | None = None
    id: str | None = None
    headers: dict[str, str] = field(default_factory=dict[str, str])
    used: float = 0.0
    running: int = 0
    opening: anyio.Lock = field(default_factory=anyio.Lock)
    numbers: Iterator[int] = field(default_factory=lambda: itertools.count(1))

    def stamped(self, headers: Mapping[str, str]) -> dict[str, str]:
        """The headers of a request in this session."""
        stamped = {**headers, VERSION: self.version or LATEST_HANDSHAKE_VERSION}
        return {**stamped, SESSION_ID: self.id} if self.id is not None else stamped


class LegacySessions:
    """The sessions with one server, at most one for each caller, so that none sees another's."""

    def __init__(self, connections: Connections, own_name: str) -> None:
        self.connections = connections
        self.own_name = own_name
        self.open: OrderedDict[str, Session] = OrderedDict()

    async def of(self, caller: Caller, headers: Mapping[str, str]) -> tuple[Session, bool]:
        """The caller's session, and whether it was there already.

        Raises:
            UnreachableError: the server does not answer.
            InvalidAnswerError: it opens no session.
        """
        session = self.open.setdefault(caller.key, Session())
        self.open.move_to_end(caller.key)
        session.used = anyio.current_time()
        if session.version is not None:
            return session, True
        async with session.opening:
            if session.version is None:
                await self._open(session, headers)
        return session, False

    def forget(self, caller: Caller, session: Session) -> None:
        """Open another session for the caller's next request."""
        if self.open.get(caller.key) is session:
            del self.open[caller.key]

    def removed(self) -> list[Session]:
        """Remove and return sessions that are idle for long, or too many."""
        now = anyio.current_time()
        gone: list[Session] = []
        for key, session in list(self.open.items()):
            too_many = len(self.open) > MOST_SESSIONS
            if not too_many and now - session.used < IDLE_SECONDS:
                break  # the others have been used later
            if not session.running:
                gone.append(self.open.pop(key))
        return gone

    async def end(self, session: Session) -> None:
        """Tell the server that the session is over."""
        if session.id is not None:
            await self.connections.delete(session.stamped(session.headers))

    async def _open(self, session: Session, headers: Mapping[str, str]) -> None:
        params: dict[str, Any] = {
            "protocolVersion": LATEST_HANDSHAKE_VERSION,
            "capabilities": {},
            "clientInfo": {"name": self.own_name, "version": __version__},
        }
        reply = await self.connections.post(request("initialize", params, 0), headers)
        version = _version(reply.message or {})
        if version not in HANDSHAKE_PROTOCOL_VERSIONS:
            raise InvalidAnswerError(
                self.connections.server, f"HTTP {reply.status}, and no session is opened"
            )
        session.id = reply.headers.get(SESSION_ID)
        session.headers = {k: v for k, v in headers.items() if k != "authorization"}
        initialized: Message = {"jsonrpc": "2.0", "method": "notifications/initialized"}
        session.version = version
        await self.connections.post(initialized, session.stamped(headers))


def _version(message: Message) -> str | None:
    match message:
        case {"result": {"protocolVersion": str(version)}}:
            return version
        case _:
            return None


def request(method: str, params: Mapping[str, Any], number: int) -> Message:
    """A JSON-RPC request."""
    return {"jsonrpc": "2.0", "id": number, "method": method, "params": dict(params)}
