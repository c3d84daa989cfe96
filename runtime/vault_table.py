"""The PostgreSQL table `vault_entries`: values of users, encrypted before they are stored."""

from __future__ import annotations

from dataclasses import dataclass

from .database_pool import DatabasePool
from .metrics import Metrics
from .vault_keys import VaultKeys

MOST_ENTRIES = 100
"""The most entries of one user."""
LONGEST_VALUE = 10_000
LOCK_OWNER = "SELECT pg_advisory_xact_lock(hashtextextended('vault ' || %s, 0))"
"""Held to the end of the transaction, so that calls at the same time cannot exceed the quota."""
WRITE = """
INSERT INTO vault_entries (owner, name, encrypted)
SELECT %(owner)s::text, %(name)s::text, %(encrypted)s::bytea
WHERE %(most)s > (
    SELECT count(*) FROM vault_entries WHERE owner = %(owner)s AND name <> %(name)s
)
ON CONFLICT (owner, name) DO UPDATE SET encrypted = excluded.encrypted, written_at = now()
RETURNING name
"""


class VaultQuotaError(Exception):
    """A user would keep more than allowed; the message is sent to the caller of the tool."""


@dataclass(frozen=True)
class VaultTable:
    """Entries by owner and name; an entry moved to another owner or name cannot be decrypted.

    Every method raises `NoDatabaseError`, and `KeysError` where it encrypts or decrypts.
    """

    pool: DatabasePool
    keys: VaultKeys
    metrics: Metrics

    async def write(self, owner: str, name: str, value: str) -> None:
        """Insert or replace an entry; raises `VaultQuotaError`."""
        values = {
            **{"owner": owner, "name": name, "most": MOST_ENTRIES},
            "encrypted": self.keys.encrypted(value, owner, name),
        }
        if not await self.pool.rows(WRITE, values, first=(LOCK_OWNER, (owner,))):
            self.metrics.limited.labels("vault").inc()
            raise VaultQuotaError(f"you may keep {MOST_ENTRIES} entries: delete one first")

    async def read(self, owner: str, name: str) -> str | None:
        """The value of an entry; None if there is none."""
        rows = await self.pool.rows(
            "SELECT encrypted FROM vault_entries WHERE owner = %s AND name = %s", (owner, name)
        )
        return self.keys.decrypted(bytes(rows[0][0]), owner, name) if rows else None

    async def names(self, owner: str) -> list[str]:
        """The names of all entries."""
        listed = 'SELECT name FROM vault_entries WHERE owner = %s ORDER BY name COLLATE "C"'
        return [row[0] for row in await self.pool.rows(listed, (owner,))]

    async def delete(self, owner: str, name: str) -> bool:
        """Delete an entry; returns whether there was one."""
        deleted = "DELETE FROM vault_entries WHERE owner = %s AND name = %s RETURNING name"
        return bool(await self.pool.rows(deleted, (owner, name)))
