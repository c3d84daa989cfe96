"""Sessions in Valkey or Redis, for the servers of a platform that has one.

Each session is a hash, its cancellations are a sorted set, and so are the sessions of a user, by
their expiry. A script reads and writes these in one step, so that instances at the same time
exceed no quota and open no closed session again. The server must keep what it holds:
`maxmemory-policy noeviction` and an append-only file. A cluster of shards is not supported,
because a script uses keys of a session and of its user.

The server deletes expired keys (EXPIRE). Each read checks `expires_at`, and keys live
`GRACE_SECONDS` longer, so that a difference of clocks deletes no session.
"""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import anyio

from ..redis_config import RedisSection
from ..state import Session, Stores
from ..state_config import StateSection
from ..tracing import client_span
from .in_memory import InMemoryConnections

WITHIN_SECONDS = 10.0
"""For a whole operation: waiting for a connection, connecting, and the answer."""
GRACE_SECONDS = 60
CANCELLATION_SECONDS = 3600
"""Lifetime of a cancellation: that of the longest call that can be configured."""
MOST_CANCELLATIONS = 1000
"""The newest of a session; older ones are deleted, so that a client cannot fill the memory."""

_KEEP_USER = """
local function keep_user(sessions, now, grace)
    local last = redis.call('ZRANGE', sessions, -1, -1, 'WITHSCORES')
    if last[2] then
        redis.call('EXPIRE', sessions, math.ceil(last[2] - now + grace))
    end
end
"""
OPEN = (
    _KEEP_USER
    + """
local session, sessions = KEYS[1], KEYS[2]
local now, grace, most = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3])
local id, user, version, expires = ARGV[4], ARGV[5], ARGV[6], tonumber(ARGV[7])
local unexpired = redis.call('ZCOUNT', sessions, '(' .. ARGV[1], '+inf')
if unexpired >= most and not redis.call('ZSCORE', sessions, id) then
    return 0
end
-- The first write is one that a full server refuses; after another one it would refuse none.
redis.call('HSET', session, 'user_id', user, 'protocol_version', version, 'expires_at', expires)
redis.call('EXPIRE', session, math.ceil(expires - now + grace))
redis.call('ZADD', sessions, expires, id)
redis.call('ZREMRANGEBYSCORE', sessions, '-inf', now)
keep_user(sessions, now, grace)
return 1
"""
)
RENEW = (
    _KEEP_USER
    + """
local session, sessions = KEYS[1], KEYS[2]
local now, grace, id, expires = tonumber(ARGV[1]), tonumber(ARGV[2]), ARGV[3], tonumber(ARGV[4])
if redis.call('EXISTS', session) == 0 then
    return 0
end
redis.call('HSET', session, 'expires_at', expires)
redis.call('EXPIRE', session, math.ceil(expires - now + grace))
redis.call('ZADD', sessions, expires, id)
keep_user(sessions, now, grace)
return 1
"""
)
CLOSE = """
local user = redis.call('HGET', KEYS[1], 'user_id')
if user then
    redis.call('ZREM', ARGV[1] .. user, ARGV[2])
end
return redis.call('DEL', KEYS[1], KEYS[2])
"""
CANCEL = """
local session, cancelled = KEYS[1], KEYS[2]
if redis.call('EXISTS', session) == 0 then
    return 0
end
redis.call('ZADD', cancelled, tonumber(ARGV[1]), ARGV[2])
redis.call('ZREMRANGEBYRANK', cancelled, 0, -1 - tonumber(ARGV[3]))
redis.call('EXPIRE', cancelled, tonumber(ARGV[4]))
return 1
"""
CANCELLED = """
if redis.call('EXISTS', KEYS[1]) == 0 then
    return false
end
return redis.call('ZRANGE', KEYS[2], 0, -1)
"""
_SCRIPTS = (OPEN, RENEW, CLOSE, CANCEL, CANCELLED)


@dataclass
class ValkeySessions:
    """A `SessionStore`; the first call imports the client library and connects.

    Attributes:
        prefix: begins every key, so that several servers can share one Valkey.
    """

    redis: RedisSection
    prefix: str
    now: Callable[[], float] = time.time
    slots: anyio.CapacityLimiter = field(init=False)

    def __post_init__(self) -> None:
        self.slots = anyio.CapacityLimiter(self.redis.max_connections)

    @cached_property
    def client(self) -> Any:
        from ..valkey_client import client

        return client(self.redis)

    @cached_property
    def scripts(self) -> dict[str, Any]:
        return {text: self.client.register_script(text) for text in _SCRIPTS}

    async def open(self, session: Session, most: int) -> bool:
        keys = [self._session(session.session_id), self._user(session.user_id)]
        limits = [self.now(), GRACE_SECONDS, most]
        fields = [
            session.session_id,
            session.user_id,
            session.protocol_version,
            session.expires_at,
        ]
        return await self._script(OPEN, keys, [*limits, *fields]) == 1

    async def renew(self, session: Session) -> None:
        keys = [self._session(session.session_id), self._user(session.user_id)]
        values = [self.now(), GRACE_SECONDS, session.session_id, session.expires_at]
        await self._script(RENEW, keys, values)

    async def find(self, session_id: str) -> Session | None:
        fields = await self._within(
            "HGETALL", lambda: self.client.hgetall(self._session(session_id))
        )
        if not fields or int(fields["expires_at"]) <= self.now():
            return None
        return Session(
            session_id=session_id,
            user_id=fields["user_id"],
            protocol_version=fields["protocol_version"],
            expires_at=int(fields["expires_at"]),
        )

    async def close(self, session_id: str) -> None:
        keys = [self._session(session_id), self._cancelled(session_id)]
        await self._script(CLOSE, keys, [self._user(""), session_id])

    async def cancel(self, session_id: str, request_id: str) -> None:
        keys = [self._session(session_id), self._cancelled(session_id)]
        values = [self.now(), request_id, MOST_CANCELLATIONS, CANCELLATION_SECONDS]
        await self._script(CANCEL, keys, values)

    async def cancelled(self, session_id: str) -> frozenset[str] | None:
        keys = [self._session(session_id), self._cancelled(session_id)]
        found = await self._script(CANCELLED, keys, [])
        return None if found is None else frozenset(found)

    async def _script(self, script: str, keys: list[str], values: list[Any]) -> Any:
        return await self._within("EVALSHA", lambda: self.scripts[script](keys=keys, args=values))

    async def _within(self, command: str, call: Callable[[], Awaitable[Any]]) -> Any:
        """Run the call over a connection of the pool; raises `TimeoutError` after the time."""
        named = {
            "db.system.name": "valkey",
            "db.operation.name": command,
            "server.address": self.redis.host,
            "server.port": self.redis.port,
        }
        with client_span(command, named), anyio.fail_after(WITHIN_SECONDS):
            async with self.slots:
                return await call()

    def _session(self, session_id: str) -> str:
        return f"{self.prefix}session:{session_id}"

    def _cancelled(self, session_id: str) -> str:
        return f"{self.prefix}cancelled:{session_id}"

    def _user(self, user_id: str) -> str:
        return f"{self.prefix}user:{user_id}"


def stores(state: StateSection, redis: RedisSection) -> Stores:
    """The stores in the Valkey of the section `[redis]`; opens no connection yet."""
    return Stores(ValkeySessions(redis, state.key_prefix), InMemoryConnections())
