"""A pool of connections to PostgreSQL.

The library takes 50 ms to import, so it is imported only where a database is configured.
"""

from __future__ import annotations

import re
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from typing import TYPE_CHECKING, Any

import anyio

from .config import DatabaseSection
from .rotated_password import connection_class
from .store_config import PostgresSection
from .tracing import client_span, failed, recorded

if TYPE_CHECKING:
    import psycopg
    import psycopg_pool

CONNECT_SECONDS = 5
Rows = list[tuple[Any, ...]]
Look = Callable[["psycopg.AsyncConnection[Any]"], Awaitable[None]]
_TABLE = re.compile(r"\b(?:FROM|INTO|UPDATE)\s+([a-z_]+)")
RETRY_SECONDS = 2
"""Seconds for which the pool retries a failed connection; the next call then starts a new attempt.
The pool's back-off grows: with a longer time, calls would still wait after the database is back."""


class NoDatabaseError(Exception):
    """The database cannot be used; the message is sent to the caller."""


def connection_options(database: PostgresSection) -> dict[str, Any]:
    """libpq parameters for `database`; raises `OSError` if its password or token cannot be had.

    A token may take seconds to fetch: see `connection_options_in_thread`.
    """
    options: dict[str, Any] = {
        "host": database.host,
        "port": database.port,
        "dbname": database.name,
        "user": database.user,
        "connect_timeout": CONNECT_SECONDS,
        "application_name": "qudag-mcp-server",
    }
    if (password := database.password()) is not None:
        options["password"] = password
    if (authorities := database.authorities()) is not None:
        options |= {"sslmode": f"verify-{database.verify}", "sslrootcert": authorities}
    return options


async def connection_options_in_thread(database: PostgresSection) -> dict[str, Any]:
    """As `connection_options`, while other calls go on."""
    if database.token is None and database.password_secret is None:
        return connection_options(database)
    return await anyio.to_thread.run_sync(connection_options, database, abandon_on_cancel=True)


def operation_of(statement: object) -> tuple[str, str]:
    """The first word of a statement, and the table that it names first; empty if there is none."""
    text = str(statement)
    found = _TABLE.search(text)
    return text.split(maxsplit=1)[0].upper(), found[1] if found else ""


class DatabasePool:
    """At most `max_connections` connections, each of which serves one call at a time.

    Each new connection reads the password, or gets a token. Each connection is tested before a call
    gets it: after a restart of the database, no call gets a broken connection.
    """

    def __init__(self, database: DatabaseSection) -> None:
        self.database = database
        self._pool: psycopg_pool.AsyncConnectionPool[Any] | None = None

    @asynccontextmanager
    async def running(self) -> AsyncGenerator[None]:
        """Keep connections until the end of the block; the database may be unreachable."""
        from psycopg_pool import AsyncConnectionPool

        database = self.database

        async def options() -> dict[str, Any]:
            return {**await connection_options_in_thread(database), "autocommit": True}

        self._pool = AsyncConnectionPool(
            kwargs=options,
            connection_class=connection_class(),
            min_size=min(database.min_connections, database.max_connections),
            max_size=database.max_connections,
            timeout=database.acquire_seconds,
            max_idle=database.idle_seconds,
            max_lifetime=database.lifetime_seconds,
            reconnect_timeout=RETRY_SECONDS,
            open=False,
        )
        await self._pool.open()
        try:
            yield
        finally:
            with anyio.CancelScope(shield=True):
                await self._pool.close()
                self._pool = None

    async def rows(
        self,
        statement: Any,
        values: Sequence[str] | Mapping[str, Any],
        first: tuple[Any, tuple[str]] | None = None,
    ) -> Rows:
        """The rows that the statement returns; `first` runs in the same transaction.

        Raises:
            NoDatabaseError: the database does not answer, or has no such table.
        """
        if not recorded():
            return await self._rows(statement, values, first)
        operation, table = operation_of(statement)
        attributes = {
            "db.system.name": "postgresql",
            "db.namespace": self.database.name,
            "db.operation.name": operation,
            "db.collection.name": table,
            "server.address": self.database.host,
            "server.port": self.database.port,
        }
        with client_span(f"{operation} {table}", attributes) as made:
            try:
                return await self._rows(statement, values, first)
            except NoDatabaseError as absent:
                failed(made, type(absent.__context__ or absent).__name__)
                raise

    async def _rows(
        self,
        statement: Any,
        values: Sequence[str] | Mapping[str, Any],
        first: tuple[Any, tuple[str]] | None,
    ) -> Rows:
        import psycopg
        import psycopg_pool

        try:
            async with self.connection() as connection:
                if first is None:
                    cursor = await connection.execute(statement, values)
                    return await cursor.fetchall()
                async with connection.transaction():
                    await connection.execute(*first)
                    cursor = await connection.execute(statement, values)
                    return await cursor.fetchall()
        except psycopg.errors.UndefinedTable:
            raise NoDatabaseError(
                "the database lacks a table of this version: run `qudag-mcp-server migrate` first"
            ) from None
        except psycopg_pool.PoolTimeout:
            busy = f"its {self.database.max_connections} connections are all in use"
            raise NoDatabaseError(
                f"the database does not answer, or {busy}; try again later"
            ) from None
        except (psycopg.OperationalError, OSError):
            raise NoDatabaseError("the database does not answer; try again later") from None

    @asynccontextmanager
    async def connection(self) -> AsyncGenerator[psycopg.AsyncConnection[tuple[Any, ...]]]:
        """A connection that commits each statement; closed if the call is cancelled.

        Raises `psycopg_pool.PoolTimeout` if there is none within `acquire_seconds`.
        """
        import psycopg

        while True:
            async with self._taken() as connection:
                try:
                    # The pool's own check waits for a second after each broken connection.
                    await connection.execute("")
                except psycopg.OperationalError:
                    continue
                yield connection
                return

    @asynccontextmanager
    async def _taken(self) -> AsyncGenerator[psycopg.AsyncConnection[tuple[Any, ...]]]:
        """A connection of the pool, which may be broken."""
        if self._pool is None:
            raise RuntimeError("the pool is used outside of `running`")
        connection = await self._pool.getconn()
        try:
            yield connection
        except anyio.get_cancelled_exc_class():
            # The answer to its statement may still arrive.
            with anyio.CancelScope(shield=True):
                await connection.close()
            raise
        finally:
            with anyio.CancelScope(shield=True):
                await self._pool.putconn(connection)

    async def check(self, *looks: Look) -> None:
        """Open a new connection; raises if the database does not answer.

        The pool's own connections may all be in use.

        Args:
            looks: each reads something over the same connection; what it cannot read is no failure.
        """
        import psycopg

        options = await connection_options_in_thread(self.database)
        async with await connection_class().connect(**options) as connection:
            await connection.execute("SELECT 1")
            await connection.commit()
            for look in looks:
                with suppress(psycopg.Error):
                    async with connection.transaction():
                        await look(connection)
