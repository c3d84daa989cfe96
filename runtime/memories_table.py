"""The PostgreSQL table `memories` behind the tools `remember` and `recall`."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from .config import Config
from .database_pool import DatabasePool
from .limits_config import LimitsSection
from .metrics import Metrics

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
RETURNING xmax = 0
"""


LIST = """
SELECT name, octet_length(text), written_at FROM memories
WHERE owner = %(owner)s AND name COLLATE "C" > %(after)s AND starts_with(name, %(prefix)s)
ORDER BY name COLLATE "C" LIMIT %(most)s
"""


@dataclass(frozen=True)
class Memory:
    """A row without its text, of which `size` is the number of bytes."""

    name: str
    size: int
    written_at: datetime


class MemoryQuotaError(Exception):
    """A user would keep more than allowed; the message is sent to the caller of the tool."""


class MemoriesTable:
    """Reads and writes rows by owner and name."""

    def __init__(self, pool: DatabasePool, limits: LimitsSection, metrics: Metrics) -> None:
        self.pool = pool
        self.limits = limits
        self.metrics = metrics

    @classmethod
    def of(cls, config: Config, metrics: Metrics) -> MemoriesTable | None:
        """The table in the configured database; None without one."""
        if config.database is None:
            return None
        return cls(DatabasePool(config.database), config.limits, metrics)

    async def write(self, owner: str, name: str, text: str) -> bool:
        """Insert or update the row of `owner` and `name`; returns whether it is a new one.

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
        rows = await self.pool.rows(WRITE, values, first=(LOCK_OWNER, (owner,)))
        if not rows:
            self.metrics.limited.labels("memories").inc()
            raise MemoryQuotaError(
                f"you may keep {limits.memories_per_user} texts with"
                f" {limits.memory_bytes_per_user} bytes in all: replace one by a shorter text"
            )
        return rows[0][0]

    async def read(self, owner: str, name: str) -> str | None:
        """The text of the row of `owner` and `name`, or None; raises `NoDatabaseError`."""
        rows = await self.pool.rows(
            "SELECT text FROM memories WHERE owner = %s AND name = %s", (owner, name)
        )
        return rows[0][0] if rows else None

    async def list(
        self, owner: str, most: int, *, after: str = "", prefix: str = ""
    ) -> list[Memory]:
        """The first rows of `owner` by name, after a name; raises `NoDatabaseError`."""
        values: dict[str, str | int] = {
            **{"owner": owner, "most": most, "after": after, "prefix": prefix}
        }
        return [Memory(*row) for row in await self.pool.rows(LIST, values)]
