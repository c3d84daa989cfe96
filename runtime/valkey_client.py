"""Connections to Valkey or Redis: verified TLS, and a password that is read for each of them.

The library takes 0.1 s to import, so this module is imported only where one is configured.
"""

from __future__ import annotations

import ssl
from pathlib import Path
from typing import Any

from valkey.asyncio import Connection, ConnectionPool, Valkey
from valkey.asyncio.retry import Retry
from valkey.asyncio.sentinel import (
    Sentinel,
    SentinelConnectionPool,
    SentinelManagedConnection,
)
from valkey.backoff import NoBackoff
from valkey.credentials import CredentialProvider
from valkey.exceptions import AuthenticationError, ConnectionError

from .config import RedisSection

CONNECT_SECONDS = 5
SENTINEL_CONNECT_SECONDS = 1
PRIMARY = "primary"
"""Name by which the Sentinels know the Valkey."""
ANSWER_SECONDS = 5
"""Longer than the delays of this process itself on a busy machine: when a pod stops, all its
clients connect to the remaining pods. A connection that is refused or breaks fails at once."""


def client(redis: RedisSection) -> Any:  # a `Valkey`, whose methods are typed in part
    """A client whose pool opens at most `redis.max_connections`; opens none yet.

    A command whose connection is broken is sent once more, over a new one. With Sentinels each new
    connection asks them for the primary, and a primary that has become a replica is left.
    """
    options = {"max_connections": redis.max_connections, **_options(redis, CONNECT_SECONDS)}
    if redis.sentinels:
        options["connection_class"] = PrimaryConnection
        return Valkey.from_pool(SentinelConnectionPool(PRIMARY, _sentinels(redis), **options))
    return Valkey.from_pool(
        ConnectionPool(VerifiedConnection, host=redis.host, port=redis.port, **options)
    )


def _options(redis: RedisSection, connect_seconds: float) -> dict[str, Any]:
    """Of connections to a Valkey or a Sentinel."""
    return {
        "ca_file": redis.ca_file,
        "credential_provider": Password(redis),
        "socket_connect_timeout": connect_seconds,
        "socket_timeout": ANSWER_SECONDS,
        "socket_keepalive": True,
        "retry": Retry(NoBackoff(), 1),
        "retry_on_error": [ConnectionError],
        "decode_responses": True,
        # Two more round trips for each connection.
        "lib_name": None,
        "lib_version": None,
    }


def _sentinels(redis: RedisSection) -> Sentinel:
    """The Sentinels, asked in turn until one answers; that one is asked first the next time."""
    asked = Sentinel([])
    for address in redis.sentinels:
        host, _, port = address.rpartition(":")
        options = _options(redis, SENTINEL_CONNECT_SECONDS)
        pool = ConnectionPool(VerifiedConnection, host=host, port=int(port), **options)
        asked.sentinels.append(Valkey.from_pool(pool))
    return asked


async def check_redis(redis: RedisSection) -> None:
    """Send PING over a new connection; raises if Valkey does not answer."""
    asked = client(redis)
    try:
        await asked.ping()
    finally:
        await close(asked)


async def close(asked: Any) -> None:
    """Close the connections of a client, to the Sentinels as well."""
    pool: Any = asked.connection_pool
    manager = getattr(pool, "sentinel_manager", None)
    for each in (pool, *(one.connection_pool for one in (manager.sentinels if manager else ()))):
        await each.aclose()


class VerifiedConnection(Connection):
    """Trusts the authorities in `ca_file` alone, which is read for each connection.

    The library's own class trusts the authorities of the system besides.
    """

    def __init__(self, ca_file: Path | None = None, **options: Any) -> None:
        parent: Any = super()  # its type says nothing about its options
        parent.__init__(**options)
        self.ca_file = ca_file

    def _connection_arguments(self) -> dict[str, Any]:
        secured = {}
        if self.ca_file is not None:
            secured = {"ssl": ssl.create_default_context(cafile=str(self.ca_file))}
        return {"host": self.host, "port": self.port, **secured}


class PrimaryConnection(SentinelManagedConnection, VerifiedConnection):
    """A connection to the primary that the Sentinels name when it is opened."""


class Password(CredentialProvider):
    """Reads the password for each connection, because Secrets rotate."""

    def __init__(self, redis: RedisSection) -> None:
        self.redis = redis

    def get_credentials(self) -> Any:
        """User and password, or the password alone; nothing for a Valkey without one."""
        try:
            password = self.redis.password()
        except OSError as error:
            # The library closes a connection that is being opened for errors of its own only.
            raise AuthenticationError(str(error)) from error
        if password is None:
            return ()
        return (password,) if self.redis.user is None else (self.redis.user, password)
