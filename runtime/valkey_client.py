"""Connections to Valkey or Redis: verified TLS, and a password that is read for each of them.

The library takes 0.1 s to import, so this module is imported only where one is configured.
"""

from __future__ import annotations

import ssl
from pathlib import Path
from typing import Any

from valkey.asyncio import Connection, ConnectionPool, Valkey
from valkey.asyncio.retry import Retry
from valkey.backoff import NoBackoff
from valkey.credentials import CredentialProvider
from valkey.exceptions import AuthenticationError, ConnectionError

from .config import RedisSection

CONNECT_SECONDS = 5
ANSWER_SECONDS = 5
"""Longer than the delays of this process itself on a busy machine: when a pod stops, all its
clients connect to the remaining pods. A connection that is refused or breaks fails at once."""


def client(redis: RedisSection) -> Any:  # a `Valkey`, whose methods are typed in part
    """A client whose pool opens at most `redis.max_connections`; opens none yet.

    A command whose connection is broken is sent once more, over a new one.
    """
    return Valkey.from_pool(
        ConnectionPool(
            VerifiedConnection,
            max_connections=redis.max_connections,
            host=redis.host,
            port=redis.port,
            ca_file=redis.ca_file,
            credential_provider=Password(redis),
            socket_connect_timeout=CONNECT_SECONDS,
            socket_timeout=ANSWER_SECONDS,
            socket_keepalive=True,
            retry=Retry(NoBackoff(), 1),
            retry_on_error=[ConnectionError],
            decode_responses=True,
            # Two more round trips for each connection.
            lib_name=None,
            lib_version=None,
        )
    )


async def check_redis(redis: RedisSection) -> None:
    """Send PING over a new connection; raises if Valkey does not answer."""
    asked = client(redis)
    try:
        await asked.ping()
    finally:
        await asked.connection_pool.aclose()


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


class Password(CredentialProvider):
    """Reads the password for each connection, because Secrets rotate."""

    def __init__(self, redis: RedisSection) -> None:
        self.redis = redis

    def get_credentials(self) -> Any:
        """The password alone; nothing for a Valkey without one."""
        try:
            password = self.redis.password()
        except OSError as error:
            # The library closes a connection that is being opened for errors of its own only.
            raise AuthenticationError(str(error)) from error
        return () if password is None else (password,)
