"""The PostgreSQL table `memories` behind the tools `remember` and `recall`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import anyio

from .config import DatabaseSection
from .limits_config import LimitsSection
from .metrics import Metrics

if TYPE_CHECKING:
    import psycopg

CONNECT_SECONDS = 5
LOCK_OWNER = "SELECT pg_advisory_xact_lock(hashtextextended(%s, 0))"
"""Held to the end of the transaction, so that calls at the same time cannot exceed a quota."""
WRITE = """
INSERT INTO memories (owner, name, text)
SELECT %(owner)s::text, %(name)s::text, %(text)s::text
FROM (
    SELECT count(*) AS rows, coalesce(sum(octet_length(name) + octet_length(text)), 0) AS bytes
    FROM memories WHERE owner = %(owner)s AND name <> %(name)s
) AS others
WHERE others.rows < %(most_rows)s AND others.bytes + %(bytes)s <= %(most_bytes)s
ON CONFLICT (owner, name) DO UPDATE SET text = excluded.text, written_at = now()
RETURNING name
"""


class NoDatabaseError(Exception):
    """The database cannot be used; the message is sent to the caller of the tool."""


class MemoryQuotaError(Exception):
    """A user would keep more than allowed; the message is sent to the caller of the tool."""


def connection_options(database: DatabaseSection) -> dict[str, Any]:
    """libpq parameters for `database`; raises `OSError` if its password cannot be read."""
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


class MemoriesTable:
    """Reads and writes rows by owner and name, over at most `database.max_connections`.

    Each call opens a connection of its own. That costs a few milliseconds, and no call can get a
    connection that a restart of the database has broken. A pooler belongs in front of the
    database, where all replicas share it.
    """

    def __init__(self, database: DatabaseSection, limits: LimitsSection, metrics: Metrics) -> None:
        self.database = database
        self.limits = limits
        self.metrics = metrics
        self.slots = anyio.CapacityLimiter(database.max_connections)

    async def write(self, owner: str, name: str, text: str) -> None:
        """Insert or update the row of `owner` and `name`.

        Raises:
            MemoryQuotaError: the owner would keep more rows or bytes than allowed.
            NoDatabaseError: the database cannot be used.
        """
        limits = self.limits
        values = {
            "owner": owner,
            "name": name,
            "text": text,
            "bytes": len(name.encode()) + len(text.encode()),
            "most_rows": limits.memories_per_user,
            "most_bytes": limits.memory_bytes_per_user,
        }
        if await self._run(WRITE, values, first=(LOCK_OWNER, (owner,))) is None:
            self.metrics.limited.labels("memories").inc()
            raise MemoryQuotaError(
                f"you may keep {limits.memories_per_user} texts with"
                f" {limits.memory_bytes_per_user} bytes in all: replace one by a shorter text"
            )

    async def read(self, owner: str, name: str) -> str | None:
        """The text of the row of `owner` and `name`, or None; raises `NoDatabaseError`."""
        row = await self._run(
            "SELECT text FROM memories WHERE owner = %s AND name = %s", (owner, name)
        )
        return row[0] if row else None

    async def check(self) -> None:
        """Run a query; raises if the database does not answer."""
        await self._run("SELECT 1", ())

    async def _run(
        self,
        statement: Any,
        values: tuple[str, ...] | dict[str, str | int],
        first: tuple[Any, tuple[str]] | None = None,
    ) -> tuple[Any, ...] | None:
        import psycopg

        async with self.slots:
            try:
                async with await self._connection() as connection:
                    if first is not None:
                        await connection.execute(*first)
                    cursor = await connection.execute(statement, values)
                    return await cursor.fetchone() if cursor.description else None
            except psycopg.errors.UndefinedTable:
                raise NoDatabaseError(
                    "the database has no table `memories`: run `qudag-mcp-server migrate` first"
                ) from None
            except (psycopg.OperationalError, OSError):
                raise NoDatabaseError("the database does not answer; try again later") from None

    async def _connection(self) -> psycopg.AsyncConnection[tuple[Any, ...]]:
        import psycopg

        return await psycopg.AsyncConnection.connect(**connection_options(self.database))
