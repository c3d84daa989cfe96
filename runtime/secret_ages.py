"""Exports how long ago the values of mounted Secrets were changed, across restarts of the server.

A file that a pod mounts has the time of the pod's start. So the time of a change is kept in the
database, with a salted digest of the value by which the next change is seen.
"""

from __future__ import annotations

import hashlib
import hmac
import os
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from anyio import to_thread
from prometheus_client import CollectorRegistry, Metric
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from .secret_files_config import SecretFileSection

if TYPE_CHECKING:
    import psycopg

TABLE_EXISTS: Final = "SELECT to_regclass('public.secret_changes') IS NOT NULL"
KNOWN: Final = (
    "SELECT secret, key, salt, digest, extract(epoch FROM changed_at) FROM public.secret_changes"
)
CHANGED: Final = """
INSERT INTO public.secret_changes (secret, key, salt, digest) VALUES (%s, %s, %s, %s)
ON CONFLICT (secret, key) DO UPDATE
    SET salt = excluded.salt, digest = excluded.digest, changed_at = now()
RETURNING extract(epoch FROM changed_at)
"""
Entry = tuple[str, str]


@dataclass(frozen=True)
class _Row:
    salt: bytes
    digest: bytes
    changed_at: float


class SecretAges(Collector):
    """Exports what is known; nothing without the table, and nothing for an unreadable file."""

    def __init__(self, files: Sequence[SecretFileSection], registry: CollectorRegistry) -> None:
        self.files = files
        self.changed_at: dict[Entry, float] = {}
        self._seen: dict[Entry, tuple[int, ...]] = {}
        registry.register(self)

    async def look(self, connection: psycopg.AsyncConnection[Any]) -> None:
        """Read the times of changes, and record the changes of the files of this server."""
        cursor = await connection.execute(TABLE_EXISTS)
        if not self.files or await cursor.fetchone() != (True,):
            self.changed_at = {}
            return
        rows = await (await connection.execute(KNOWN)).fetchall()
        known = {
            (secret, key): _Row(bytes(salt), bytes(digest), float(at))
            for secret, key, salt, digest, at in rows
        }
        found: dict[Entry, float] = {}
        for one in self.files:
            entry = (one.name, one.key)
            row = known.get(entry)
            try:
                state = _state(one.file)
                if row is None or self._seen.get(entry) != state:
                    found[entry] = await self._recorded(connection, entry, one.file, row)
                else:
                    found[entry] = row.changed_at
            except OSError:
                continue
            self._seen[entry] = state
        self.changed_at = found

    async def _recorded(
        self, connection: psycopg.AsyncConnection[Any], entry: Entry, file: Path, row: _Row | None
    ) -> float:
        value = file.read_bytes()
        if row is not None:
            digest = await to_thread.run_sync(_digest, value, row.salt)
            if hmac.compare_digest(digest, row.digest):
                return row.changed_at
        salt = os.urandom(16)
        digest = await to_thread.run_sync(_digest, value, salt)
        cursor = await connection.execute(CHANGED, (*entry, salt, digest))
        made: Any = await cursor.fetchone()
        return float(made[0])

    def collect(self) -> Iterator[Metric]:
        """As `Collector.collect`; ages grow between two looks."""
        family = GaugeMetricFamily(
            "mcp_secret_age_seconds",
            "Since a server first saw this value of a mounted Secret.",
            labels=["secret", "key"],
        )
        now = time.time()
        for entry, at in self.changed_at.items():
            family.add_metric(entry, max(0.0, now - at))
        if family.samples:
            yield family


def _state(file: Path) -> tuple[int, ...]:
    found = file.stat()
    return found.st_ino, found.st_mtime_ns, found.st_size


def _digest(value: bytes, salt: bytes) -> bytes:
    """Slow to compute, since a password may be a short one."""
    return hashlib.scrypt(value.strip(), salt=salt, n=2**14, r=8, p=1)
