"""Writes rows of the audit log: many at a time, in the order in which they were given."""

from __future__ import annotations

import asyncio
import logging
import time
from collections import deque
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

import anyio

from .audit_config import AuditSection
from .audit_metrics import AuditMetrics
from .audit_row import WRITTEN, Row
from .database_pool import connection_options_in_thread
from .logs import event
from .rotated_password import connection_class

if TYPE_CHECKING:
    import psycopg

MOST_ROWS: Final = 200
"""Rows of one statement. Until it is committed, other writers wait."""
TOGETHER_SECONDS: Final = 0.05
"""How long rows for which nobody waits are held back, to be in one statement with later ones."""
RETRY_SECONDS: Final = 0.5
LAST_SECONDS: Final = 5
"""How long the end of the process waits for the rows that are left."""
_ARRAYS: Final = ", ".join(f"%s::{'integer' if name == 'status' else 'text'}[]" for name in WRITTEN)
INSERT: Final = (
    f"INSERT INTO audit.log ({', '.join(WRITTEN)})"  # noqa: S608 - columns, no values
    f" SELECT * FROM unnest({_ARRAYS}) RETURNING seq, hash"
).encode()


class NotRecordedError(Exception):
    """A row was not committed in time; whether it will be is not known."""


@dataclass(eq=False)
class _Waiting:
    row: Row
    done: asyncio.Future[None] | None = None


@dataclass
class AuditWriter:
    """Writes rows over one connection; while one statement is under way, the next one collects.

    Attributes:
        lost: rows that were given and are not in the log, as far as is known.
        last: number and hash of the last row that this process has written.
    """

    section: AuditSection
    metrics: AuditMetrics
    last: tuple[int, str] | None = None
    lost: int = 0
    _waiting: deque[_Waiting] = field(default_factory=deque[_Waiting])
    _given: asyncio.Event = field(default_factory=asyncio.Event)
    _awaited: asyncio.Event = field(default_factory=asyncio.Event)
    _connection: psycopg.AsyncConnection[tuple[Any, ...]] | None = None
    _named: tuple[int, str] | None = None
    _ending: bool = False

    @asynccontextmanager
    async def running(self) -> AsyncGenerator[None]:
        """Write rows until the end of the block, and those that are left after it."""
        self._ending = False
        tasks = [asyncio.create_task(self._write()), asyncio.create_task(self._name_heads())]
        try:
            yield
        finally:
            with anyio.CancelScope(shield=True):
                self._ending = True
                self._given.set()
                with suppress(TimeoutError):
                    await asyncio.wait_for(asyncio.shield(tasks[0]), LAST_SECONDS)
                for task in tasks:
                    task.cancel()
                await asyncio.gather(*tasks, return_exceptions=True)
                self._lose(len(self._waiting), "stopped")
                self._waiting.clear()
                self._name_head()
                await self._disconnect()

    async def write(self, row: Row) -> None:
        """Return when the row is committed.

        Raises:
            NotRecordedError: it is not, after `wait_seconds`.
        """
        waiting = _Waiting(row, asyncio.get_running_loop().create_future())
        assert waiting.done is not None
        if len(self._waiting) >= self.section.most_waiting:
            raise NotRecordedError
        self._give(waiting)
        try:
            await asyncio.wait_for(waiting.done, self.section.wait_seconds)
        except TimeoutError:
            raise NotRecordedError from None
        finally:
            with suppress(ValueError):  # not yet under way: it is never written
                self._waiting.remove(waiting)

    def later(self, row: Row) -> None:
        """Write the row when the database answers; it is lost if too many rows wait."""
        if len(self._waiting) >= self.section.most_waiting:
            self._lose(1, "full")
            return
        self._give(_Waiting(row))

    async def check(self) -> None:
        """Open a connection and read the results for metrics; raises if it does not answer."""
        async with await self._connected() as connection:
            await self.metrics.results.look(connection)

    def _give(self, waiting: _Waiting) -> None:
        self._waiting.append(waiting)
        if waiting.done is not None or len(self._waiting) >= MOST_ROWS:
            self._awaited.set()
        self.metrics.waiting.set(len(self._waiting))
        self._given.set()

    async def _write(self) -> None:
        while True:
            await self._given.wait()
            if not self._waiting:
                if self._ending:
                    return
                self._given.clear()
                continue
            await self._hold_back()
            most = min(MOST_ROWS, len(self._waiting))
            batch = [self._waiting.popleft() for _ in range(most)]
            if batch and not await self._written(batch):
                await asyncio.sleep(RETRY_SECONDS)

    async def _hold_back(self) -> None:
        """Return when a call waits for its row, or when those for which nobody waits are due.

        Otherwise the next call would wait for two commits: that of the last one's outcome as well.
        """
        if self._ending or len(self._waiting) >= MOST_ROWS:
            return
        if all(waiting.done is None for waiting in self._waiting):
            self._awaited.clear()
            with suppress(TimeoutError):
                await asyncio.wait_for(self._awaited.wait(), TOGETHER_SECONDS)

    async def _written(self, batch: list[_Waiting]) -> bool:
        """Whether the batch is committed; if not, rows for which nobody waits are tried again."""
        started = time.perf_counter()
        try:
            async with asyncio.timeout(self.section.wait_seconds):
                found = await self._insert([waiting.row for waiting in batch])
        except asyncio.CancelledError:
            self._waiting.extendleft(reversed(batch))
            raise
        except Exception as error:
            await self._failed(batch, error)
            return False
        if found:
            self.last = found[-1]
            self.metrics.seq.set(self.last[0])
        self.metrics.seconds.observe(time.perf_counter() - started)
        self.metrics.waiting.set(len(self._waiting))
        for waiting in batch:
            self.metrics.rows.labels(waiting.row.event).inc()
            if waiting.done is not None and not waiting.done.done():
                waiting.done.set_result(None)
        return True

    async def _failed(self, batch: list[_Waiting], error: Exception) -> None:
        event(
            "audit_write_failed",
            logging.ERROR,
            rows=len(batch),
            failure=type(error).__name__,
            sqlstate=getattr(error, "sqlstate", None),
        )
        await self._disconnect()
        again = [waiting for waiting in batch if waiting.done is None]
        for waiting in batch:
            if waiting.done is not None and not waiting.done.done():
                waiting.done.set_exception(NotRecordedError())
        room = max(self.section.most_waiting - len(self._waiting), 0)
        self._lose(len(again[room:]), "full")
        self._waiting.extendleft(reversed(again[:room]))

    async def _insert(self, rows: list[Row]) -> list[tuple[int, str]]:
        import psycopg

        if self._connection is None:
            self._connection = await self._connected()
        columns = [list(column) for column in zip(*(row.values() for row in rows), strict=True)]
        try:
            cursor = await self._connection.execute(INSERT, columns)
        except psycopg.errors.CheckViolation:  # the month has no partition
            await self._connection.execute("SELECT audit.make_partitions(0)")
            cursor = await self._connection.execute(INSERT, columns)
        return [(seq, digest) for seq, digest in await cursor.fetchall()]

    async def _connected(self) -> psycopg.AsyncConnection[tuple[Any, ...]]:
        options = await connection_options_in_thread(self.section)
        return await connection_class().connect(**options, autocommit=True)

    async def _disconnect(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            with suppress(Exception):
                await connection.close()

    async def _name_heads(self) -> None:
        while True:
            await asyncio.sleep(self.section.head_seconds)
            self._name_head()

    def _name_head(self) -> None:
        """Log the last row: a log of servers is kept apart from the database."""
        if self.last is not None and self.last != self._named:
            self._named = self.last
            event("audit_head", seq=self.last[0], hash=self.last[1])

    def _lose(self, count: int, why: str) -> None:
        if count:
            self.lost += count
            self.metrics.lost.labels(why).inc(count)
            event("audit_rows_lost", logging.ERROR, rows=count, why=why)
