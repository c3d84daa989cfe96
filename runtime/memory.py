"""What `remember` keeps: rows in PostgreSQL, each its owner's."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import anyio

from .config import DatabaseSection, RedisSection

if TYPE_CHECKING:
    import psycopg

CONNECT_SECONDS = 5
CONNECTIONS = 8


class NoDatabaseError(Exception):
    """The database did not answer; the message is for the caller of a tool."""


def connection_options(database: DatabaseSection) -> dict[str, Any]:
    """libpq's parameters for `database`; raises `OSError` where its password is not there."""
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
    if database.ca_file is not None:
        options |= {"sslmode": "verify-full", "sslrootcert": str(database.ca_file)}
    return options


class Memory:
    """Reads and writes rows, over at most `CONNECTIONS` short-lived connections.

    A connection a call costs a few milliseconds and never outlives a restarted database; a
    pooler belongs in front of the database, where all replicas share it.
    """

    def __init__(self, database: DatabaseSection) -> None:
        self.database = database
        self.slots = anyio.CapacityLimiter(CONNECTIONS)

    async def write(self, owner: str, name: str, text: str) -> None:
        """Commit `text` under `name`; raises `NoDatabaseError`."""
        await self._run(
            "INSERT INTO memories (owner, name, text) VALUES (%s, %s, %s) ON CONFLICT (owner, name)"
            " DO UPDATE SET text = excluded.text, written_at = now()",
            (owner, name, text),
        )

    async def read(self, owner: str, name: str) -> str | None:
        """The text under `name`, None when there is none; raises `NoDatabaseError`."""
        row = await self._run(
            "SELECT text FROM memories WHERE owner = %s AND name = %s", (owner, name)
        )
        return row[0] if row else None

    async def check(self) -> None:
        """Raise unless the database answers a query."""
        await self._run("SELECT 1", ())

    async def _run(self, statement: Any, values: tuple[str, ...]) -> tuple[Any, ...] | None:
        import psycopg

        async with self.slots:
            try:
                async with await self._connection() as connection:
                    cursor = await connection.execute(statement, values)
                    return await cursor.fetchone() if cursor.description else None
            except psycopg.errors.UndefinedTable:
                raise NoDatabaseError(
                    "the database has no table for memories: run the migration first"
                ) from None
            except (psycopg.OperationalError, OSError):
                raise NoDatabaseError("the database does not answer; try again later") from None

    async def _connection(self) -> psycopg.AsyncConnection[tuple[Any, ...]]:
        import psycopg

        return await psycopg.AsyncConnection.connect(**connection_options(self.database))


async def check_redis(redis: RedisSection) -> None:
    """Raise unless the cache answers PING."""
    import valkey.asyncio

    client: Any = valkey.asyncio.Valkey(
        host=redis.host,
        port=redis.port,
        password=redis.password(),
        ssl=redis.ca_file is not None,
        ssl_ca_certs=str(redis.ca_file) if redis.ca_file else None,
        socket_connect_timeout=CONNECT_SECONDS,
    )
    try:
        await client.ping()
    finally:
        await client.aclose()
