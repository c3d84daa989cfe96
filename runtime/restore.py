"""Restores a backup to a new database, and compares it with what was backed up."""

from __future__ import annotations

import re
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from .audit_check import audit_problem
from .backup_config import BackupConfig
from .backup_errors import BackupError, Status
from .backup_exchange import DATABASE, Exchange
from .backup_manifest import Manifest, tables
from .backup_store import BackupStore
from .database_pool import connection_options
from .schema import RESTORED_COPY
from .stored_backups import chosen
from .toml_config import StartError

if TYPE_CHECKING:
    import psycopg

NAME = re.compile(r"^[a-z][a-z0-9_]{0,62}$")


@dataclass(frozen=True, kw_only=True)
class Restored:
    """A backup that was restored and compared.

    Attributes:
        manifest: the backup.
        database: the new database.
        age_seconds: from the backup to the start of the restore: what a loss would have cost.
        seconds: from the start of the restore to the end of the comparison.
    """

    manifest: Manifest
    database: str
    age_seconds: float
    seconds: float

    def line(self) -> str:
        """A line that says what was restored."""
        return (
            f"{self.manifest.name} to {self.database}: {len(self.manifest.tables)} tables, "
            f"{self.manifest.rows} rows, identical; recovery point {self.age_seconds:.0f} s, "
            f"recovery time {self.seconds:.1f} s"
        )


def backups(config: BackupConfig) -> str:
    """A line for each backup, the newest last."""
    store = BackupStore(config.backup)
    lines: list[str] = []
    for name in store.names():
        try:
            manifest = store.manifest(name)
        except BackupError as error:
            lines.append(f"{name}  {error}")
            continue
        lines.append(
            f"{name}  {len(manifest.tables)} tables  {manifest.rows} rows  "
            f"{manifest.dump.size} bytes  schema {manifest.schema_version or '-'}  "
            f"PostgreSQL {manifest.postgres}"
        )
    return "\n".join(lines) or f"{store.where}: no backup"


def restore(
    config: BackupConfig,
    *,
    before: datetime | None = None,
    database: str | None = None,
    stale_after: timedelta | None = None,
) -> Restored:
    """Restore a backup to a new database and compare it; what fails leaves no database behind.

    Args:
        config: the bucket and the live database, which is not changed.
        before: the newest backup from before this time; None: the newest.
        database: name of the new database; None: made of the backup's time.
        stale_after: refuse a backup that is older; None: any age.

    Raises:
        BackupError: a backup is missing, damaged, stale, of another stack, or restored differently.
        StartError: the bucket or the database refuses.
    """
    started = time.monotonic()
    asked_at = datetime.now(UTC)
    store = BackupStore(config.backup)
    exchange = Exchange(config.backup.work, config.backup.wait_seconds)
    exchange.begin()
    manifest = chosen(store.where, store.names(), store.manifest, before)
    if stale_after is not None:
        _check_age(store, manifest, asked_at, stale_after)
    name = database or f"restored_{manifest.name.lower()}"
    _check_name(config, name)
    store.fetch(manifest, exchange.data)
    with connected(config, config.database.name) as live:
        _create(live, name, config.database.user, owner_of(live))
    try:
        _mark_as_copy(config, name)
        exchange.tell(DATABASE, name)
        exchange.wait("pg_restore")
        compare(config, manifest, name)
    except BaseException:
        drop(config, name)
        raise
    return Restored(
        manifest=manifest,
        database=name,
        age_seconds=(asked_at - manifest.taken_at).total_seconds(),
        seconds=time.monotonic() - started,
    )


def _check_age(store: BackupStore, manifest: Manifest, now: datetime, most: timedelta) -> None:
    if (age := now - manifest.taken_at) > most:
        raise BackupError(
            Status.STALE,
            f"{store.where}: the newest backup, {manifest.name}, is {_minutes(age)} minutes old, "
            f"and at most {_minutes(most)} are allowed: see the log of the backup job",
        )


def _minutes(time: timedelta) -> str:
    return f"{time.total_seconds() / 60:.0f}"


def compare(config: BackupConfig, manifest: Manifest, database: str) -> None:
    """Compare a database with a manifest: tables, rows, checksums, and the audit log's chain.

    Raises:
        BackupError: it is different.
    """
    with connected(config, database) as connection, connection.transaction():
        lines = manifest.differences(tables(connection))
        if not lines and (problem := audit_problem(connection)):
            lines = [problem]
    if lines:
        more = f"; and {len(lines) - 5} more" if len(lines) > 5 else ""
        raise BackupError(
            Status.DIFFERENT,
            f"{manifest.name} was restored differently: {'; '.join(lines[:5])}{more}",
        )


def drop(config: BackupConfig, database: str) -> None:
    """Drop a database that a restore has made."""
    _run(config, [("DROP DATABASE IF EXISTS {} WITH (FORCE)", (database,))])


def replace(config: BackupConfig, database: str) -> str:
    """Put a restored database in the place of the live one; returns the name of the old one.

    The connections of both are ended. A failure after the first renaming is undone.
    """
    live = config.database.name
    old = f"{live}_before_{datetime.now(UTC):%Y%m%dt%H%M%S}"
    if len(old) > 63:
        raise StartError(f"{live} is too long a name to rename it")
    rename = "ALTER DATABASE {} RENAME TO {}"
    close, open_again = (f"ALTER DATABASE {{}} ALLOW_CONNECTIONS {on}" for on in ("false", "true"))
    _run(config, [(f"ALTER DATABASE {{}} RESET {RESTORED_COPY}", (database,))])
    # Clients connect again at once: without this one of them would keep the name in use.
    _run(config, [(close, (live,))])
    try:
        _run(config, [(rename, (live, old))], ends=live)
        try:
            _run(config, [(rename, (database, live))], ends=database)
        except StartError:
            _run(config, [(rename, (old, live))])
            raise
    except StartError:
        _run(config, [(open_again, (live,))])
        raise
    _run(config, [(open_again, (old,))])
    return old


def connected(config: BackupConfig, database: str) -> psycopg.Connection[tuple[Any, ...]]:
    """A connection to a database of the server; raises `StartError`."""
    import psycopg

    options: dict[str, Any] = connection_options(config.database) | {"dbname": database}
    try:
        return psycopg.connect(**options, autocommit=True)
    except psycopg.Error as error:
        raise StartError(f"{config.database.host}: {str(error).splitlines()[0]}") from None


def owner_of(connection: psycopg.Connection[tuple[Any, ...]]) -> str:
    """The owner of the database."""
    row = connection.execute(
        "SELECT pg_get_userbyid(datdba) FROM pg_database WHERE datname = current_database()"
    ).fetchone()
    assert row is not None  # the connection is to it
    return str(row[0])


def _create(
    live: psycopg.Connection[tuple[Any, ...]], database: str, user: str, owner: str
) -> None:
    import psycopg
    from psycopg import sql

    names = [sql.Identifier(database), sql.Identifier(owner)]
    try:
        live.execute(sql.SQL("CREATE DATABASE {} OWNER {} TEMPLATE template0").format(*names))
    except psycopg.errors.DuplicateDatabase:
        raise StartError(
            f"the database {database} exists already, and a restore never writes over one: name "
            "another with --database, or drop it"
        ) from None
    except psycopg.Error as error:
        raise StartError(f"{user} cannot make {database}: {str(error).splitlines()[0]}") from None


def _mark_as_copy(config: BackupConfig, database: str) -> None:
    """Make migrations refuse the database until it is put in the place of the live one."""
    _run(config, [(f"ALTER DATABASE {{}} SET {RESTORED_COPY} = 'on'", (database,))])


def _run(
    config: BackupConfig,
    statements: Sequence[tuple[str, Sequence[str]]],
    *,
    ends: str | None = None,
) -> None:
    """Run statements from a connection to the maintenance database ``postgres``."""
    import psycopg
    from psycopg import sql

    with connected(config, "postgres") as connection:
        try:
            if ends is not None:
                connection.execute(
                    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s "
                    "AND pid <> pg_backend_pid()",
                    (ends,),
                )
            for statement, names in statements:
                connection.execute(sql.SQL(statement).format(*map(sql.Identifier, names)))  # pyright: ignore[reportArgumentType]
        except psycopg.Error as error:
            raise StartError(f"{config.database.host}: {str(error).splitlines()[0]}") from None


def _check_name(config: BackupConfig, name: str) -> None:
    if name == config.database.name:
        raise StartError(f"{name} is the live database: restore to a new one, then use --replace")
    if not NAME.fullmatch(name):
        raise StartError(
            f"{name!r} is no name of a database: write lower-case letters, digits and _"
        )
