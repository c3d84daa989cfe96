"""Connections to Valkey or Redis: verified TLS, and a password or token that is read for each.

The library takes 0.1 s to import, so this module is imported only where one is configured.
"""

from __future__ import annotations

import asyncio
import ssl
from contextlib import suppress
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
from valkey.exceptions import AuthenticationError, ConnectionError, TimeoutError

from .redis_config import RedisSection
from .renewed_token import RenewedToken

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
    connection: type[VerifiedConnection] = VerifiedConnection
    if (token := redis.cloud_token()) is not None:
        connection = TokenConnection
        options |= {"credential_provider": None, "login": TokenLogin(token, redis.user)}
    return Valkey.from_pool(ConnectionPool(connection, host=redis.host, port=redis.port, **options))


def _options(redis: RedisSection, connect_seconds: float) -> dict[str, Any]:
    """Of connections to a Valkey or a Sentinel."""
    return {
        "redis": redis,
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
    """Trusts the CAs of the section alone; a file is read for each connection.

    The library's own class trusts the CAs of the system besides.
    """

    def __init__(self, redis: RedisSection, **options: Any) -> None:
        parent: Any = super()  # its type says nothing about its options
        parent.__init__(**options)
        self.redis = redis

    def _connection_arguments(self) -> dict[str, Any]:
        secured: dict[str, Any] = {}
        if self.redis.encrypted:
            file = self.redis.ca_file
            context = ssl.create_default_context(cafile=str(file) if file else None)
            context.check_hostname = self.redis.has_name_in_certificate
            secured = {"ssl": context}
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


class TokenLogin:
    """The token of a client's connections, and its renewal, which no command waits for.

    Attributes:
        token: shared by all clients of this process.
        user: that sends it; None: the user `default`.
    """

    def __init__(self, token: RenewedToken, user: str | None) -> None:
        self.token = token
        self.user = user
        self._renewal: asyncio.Future[str] | None = None

    def held(self) -> tuple[str, ...]:
        """What follows `AUTH`, without waiting; empty if there is no token that can be used."""
        if self.token.due and (self._renewal is None or self._renewal.done()):
            self._renewal = asyncio.get_running_loop().run_in_executor(None, self.token)
            self._renewal.add_done_callback(_seen)
        return self._words(self.token.held())

    async def wait(self) -> tuple[str, ...]:
        """What follows `AUTH`; raises `AuthenticationError` if no token can be had."""
        try:
            return self.held() or self._words(await asyncio.to_thread(self.token))
        except OSError as error:
            raise AuthenticationError(str(error)) from error

    def _words(self, token: str | None) -> tuple[str, ...]:
        if token is None:
            return ()
        return (token,) if self.user is None else (self.user, token)


def _seen(renewal: asyncio.Future[str]) -> None:
    """A failure is no one's yet: the former token is used on, and the next renewal is soon."""
    if not renewal.cancelled():
        renewal.exception()


class TokenConnection(VerifiedConnection):
    """Logs in with a token, and with each new one before the next command.

    Azure closes a connection whose token has expired, ElastiCache one whose last login is 12 hours
    ago.
    """

    def __init__(self, login: TokenLogin, **options: Any) -> None:
        super().__init__(**options)
        self.login = login
        self._sent: tuple[str, ...] = ()

    async def connect(self) -> None:
        """Called before each command; without a new token the last login holds."""
        if self.is_connected:
            words = self.login.held()
            if words in {(), self._sent}:
                return
            with suppress(OSError, ConnectionError, TimeoutError):
                await self._log_in(words)
        await super().connect()

    async def on_connect(self) -> None:
        words = await self.login.wait()
        await super().on_connect()
        await self._log_in(words)

    async def _log_in(self, words: tuple[str, ...]) -> None:
        """Send `AUTH`; a refusal leaves the last login as it was."""
        try:
            await self.send_command("AUTH", *words, check_health=False)
            await self.read_response(disconnect_on_error=False)
        except AuthenticationError:
            raise
        except BaseException:
            await self.disconnect(nowait=True)
            raise
        self._sent = words
