"""What the owner of the audit log does: check it, make partitions, drop those that are old."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from .audit_chain import Chain, ChainError, lines_of
from .audit_export import AuditBucket
from .audit_results import record
from .audit_row import COLUMNS, WRITTEN, Row
from .backup_config import BackupSection
from .config import KeeperSection
from .schema import connected
from .toml_config import StartError

if TYPE_CHECKING:
    import psycopg

    Connection = psycopg.Connection[tuple[Any, ...]]

ROWS_AT_ONCE: Final = 2000
LOCK_SECONDS: Final = 5
"""How long dropping a partition waits for writers, who wait for it meanwhile."""
_AT: Final = """to_char(at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US') AS at"""
CLOSED: Final = """
SELECT partition.relname, bounds.until <= now() - make_interval(0, 0, 0, %s)
FROM pg_inherits JOIN pg_class AS partition ON partition.oid = inhrelid
CROSS JOIN LATERAL (
    SELECT substring(pg_get_expr(partition.relpartbound, partition.oid) FROM 'TO \\(''([^'']+)''')
        ::timestamptz AS until
) AS bounds
WHERE inhparent = 'audit.log'::regclass AND bounds.until <= now() - interval '1 hour'
ORDER BY bounds.until
"""
"""Partitions that get no more rows, and whether they are old. A row has the time at which its
transaction began, which may commit in the next month."""
EXPORTED: Final = "SELECT month FROM audit.exports"
EXPORT: Final = """
INSERT INTO audit.exports (month, rows, first, last, hash, location)
VALUES (%s, %s, %s, %s, %s, %s)
"""


@dataclass
class Keeper:
    """Reads the audit log, and drops months that are older than the retention.

    Attributes:
        section: whose role owns the log.
        wait_seconds: how long to wait for the database.
        bucket: where closed months are exported to; None: nowhere.
    """

    section: KeeperSection
    wait_seconds: float = 60
    bucket: BackupSection | None = None

    def keep(self) -> list[str]:
        """Make partitions, check all rows, export closed months, drop old ones.

        Results of check and export become metrics. Nothing is dropped from a damaged log; with a
        bucket no month is dropped that is not in it as well.

        Returns:
            What was done.

        Raises:
            ChainError: a row is missing or was changed, in the log or in an exported month.
            StartError: the database or the bucket does not answer or refuses.
        """
        import psycopg

        with connected(self.section, self.wait_seconds) as connection:
            try:
                ahead = self.section.months_ahead
                row = connection.execute("SELECT audit.make_partitions(%s)", (ahead,)).fetchone()
                connection.commit()
                done = [f"partitions made: {row[0] if row else 0}"]
                done.append(f"verified: {self._verified(connection)}")
                closed = connection.execute(CLOSED, (self.section.retention_days,)).fetchall()
                connection.commit()
                if self.bucket is not None:
                    done += self._exported(connection, [name for name, _ in closed])
                return [*done, *(self._drop(connection, name) for name, old in closed if old)]
            except psycopg.Error as error:
                raise StartError(f"the audit log was not kept: {_words(error)}") from None

    def verify(self, heads: Mapping[int, str]) -> str:
        """Check the whole log; returns what was checked.

        Raises:
            ChainError: a row is missing or was changed.
            StartError: the database does not answer or refuses.
        """
        import psycopg

        with connected(self.section, self.wait_seconds) as connection:
            try:
                return whole_log(connection, heads)
            except psycopg.Error as error:
                raise StartError(f"the audit log cannot be read: {_words(error)}") from None

    def export(self, after: int = 0) -> Iterator[str]:
        """The rows after a number as lines of JSON; raises `StartError`."""
        import psycopg

        with connected(self.section, self.wait_seconds) as connection:
            try:
                yield from lines_of(_rows(connection, "log", after))
            except psycopg.Error as error:
                raise StartError(f"the audit log cannot be read: {_words(error)}") from None

    def _verified(self, connection: Connection) -> str:
        """Check the whole log and record the result."""
        try:
            summary = whole_log(connection, {})
        except ChainError:
            record(connection, "verified", passed=False)
            raise
        record(connection, "verified", passed=True)
        return summary

    def _exported(self, connection: Connection, closed: Sequence[str]) -> list[str]:
        """Export the closed months that are not in the bucket yet, and record the result."""
        assert self.bucket is not None
        try:
            bucket = AuditBucket(self.bucket)
            there = {name for (name,) in connection.execute(EXPORTED).fetchall()}
            connection.commit()
            missing = [name for name in closed if name not in there]
            lines = [line for name in missing for line in _export(connection, bucket, name)]
        except (ChainError, StartError):
            connection.rollback()
            record(connection, "exported", passed=False)
            raise
        record(connection, "exported", passed=True)
        return lines

    def _drop(self, connection: Connection, name: str) -> str:
        """Drop a partition, after a row that says which rows it had."""
        from psycopg import sql

        chain = Chain()
        for row in _rows(connection, name):
            chain.add(row)
        if self.bucket is not None and chain.first is not None:
            self._compare(connection, name, chain)
        partition = sql.Identifier("audit", name)
        with connection.transaction():
            connection.execute(f"SET LOCAL lock_timeout = '{LOCK_SECONDS}s'".encode())
            # Before the row: writers hold this lock while they wait for the number of theirs.
            connection.execute("LOCK TABLE audit.log IN ACCESS EXCLUSIVE MODE")
            if chain.first is not None:
                number, digest = chain.last
                _insert(
                    connection,
                    Row(
                        event="dropped",
                        call_id=f"{name} {number}",
                        server="audit-keeper",
                        name=name,
                        outcome="ok",
                        arguments=json.dumps(
                            {
                                "rows": chain.rows,
                                "first": chain.first["seq"],
                                "last": number,
                                "hash": digest,
                            }
                        ),
                    ),
                )
            connection.execute(sql.SQL("DROP TABLE {}").format(partition))
        return f"dropped {name}: {chain.summary()}"

    def _compare(self, connection: Connection, name: str, chain: Chain) -> None:
        """Compare the exported month once more, before the only other copy is dropped."""
        assert self.bucket is not None
        try:
            AuditBucket(self.bucket).compare(name, chain)
        except (ChainError, StartError):
            record(connection, "exported", passed=False)
            raise


def _export(connection: Connection, bucket: AuditBucket, month: str) -> Iterator[str]:
    """Upload a month, read it back and record it; a month without rows is not uploaded.

    An object that is there already is of a run that was cut before it recorded it, or of somebody
    else: it is compared, and never written over.
    """
    written = Chain()
    for row in _rows(connection, month):
        written.add(row)
    if written.first is None:
        return
    if bucket.find(month) is None:
        bucket.add(month, _rows(connection, month))
    bucket.compare(month, written)
    values = (month, written.rows, written.first["seq"], *written.last, bucket.where(month))
    with connection.transaction():
        connection.execute(EXPORT, values)
    yield f"exported {bucket.where(month)}: {written.summary()}"


def whole_log(connection: Connection, heads: Mapping[int, str]) -> str:
    """Check every row in one snapshot; returns what was checked.

    Raises:
        ChainError: a row is missing or was changed.
    """
    with connection.transaction():
        connection.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
        return checked_rows(connection, heads)


def checked_rows(connection: Connection, heads: Mapping[int, str]) -> str:
    """Check every row, of a database that does not change meanwhile; returns what was checked.

    Raises:
        ChainError: a row is missing or was changed.
    """
    chain = Chain(heads)
    found = connection.execute("SELECT seq, hash FROM audit.head").fetchone()
    if found is None:
        raise ChainError("the table audit.head has no row: it was deleted")
    for row in _rows(connection, "log"):
        chain.add(row)
    chain.end((int(found[0]), str(found[1])))
    return chain.summary()


def _insert(connection: Connection, row: Row) -> None:
    from psycopg import sql

    columns = sql.SQL(", ").join(map(sql.Identifier, WRITTEN))
    places = sql.SQL(", ").join(sql.Placeholder() * len(WRITTEN))
    statement = sql.SQL("INSERT INTO audit.log ({}) VALUES ({})").format(columns, places)
    connection.execute(statement, row.values())


def _rows(connection: Connection, table: str, after: int = 0) -> Iterator[dict[str, Any]]:
    """The rows of the log or of one partition by number, not all at once in memory."""
    from psycopg import sql
    from psycopg.rows import dict_row

    statement = sql.SQL("SELECT {} FROM {} WHERE seq > %s ORDER BY seq").format(
        sql.SQL(", ").join(
            sql.SQL(_AT) if name == "at" else sql.Identifier(name) for name in COLUMNS
        ),
        sql.Identifier("audit", table),
    )
    with connection.transaction(), connection.cursor("rows", row_factory=dict_row) as cursor:
        cursor.itersize = ROWS_AT_ONCE
        yield from cursor.execute(statement, (after,))


def _words(error: Exception) -> str:
    return str(error).splitlines()[0] if str(error) else type(error).__name__
