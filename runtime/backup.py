"""Takes a backup: one snapshot of the database, dumped, described and stored in a bucket."""

from __future__ import annotations

import time
from datetime import datetime
from typing import TYPE_CHECKING, Any

from .backup_config import BackupConfig
from .backup_exchange import SNAPSHOT, Exchange
from .backup_manifest import Manifest, schema_version, tables
from .backup_store import BackupStore, dump_of
from .database_pool import connection_options
from .toml_config import StartError

if TYPE_CHECKING:
    import psycopg


def backup(config: BackupConfig) -> str:
    """Store a backup and return a line that says which.

    `pg_dump` runs in another container. It reads the snapshot that this program holds, so that the
    counted rows are the dumped ones.

    Raises:
        StartError: the database or the bucket refuses, or `pg_dump` failed.
    """
    started = time.monotonic()
    section = config.backup
    store = BackupStore(section)
    exchange = Exchange(section.work, section.wait_seconds)
    exchange.begin()
    manifest = _taken(config, exchange)
    store.add(manifest, exchange.data)
    seconds = time.monotonic() - started
    _record(config, manifest, seconds)
    return (
        f"{store.where}/{manifest.name}: {len(manifest.tables)} tables, {manifest.rows} rows, "
        f"{manifest.dump.size} bytes, in {seconds:.1f} s"
    )


def _taken(config: BackupConfig, exchange: Exchange) -> Manifest:
    import psycopg

    database = config.database
    try:
        with psycopg.connect(**connection_options(database)) as connection:
            connection.execute("BEGIN ISOLATION LEVEL REPEATABLE READ, READ ONLY")
            snapshot, taken_at, version = _snapshot(connection)
            exchange.tell(SNAPSHOT, snapshot)
            found = tables(connection)
            schema = schema_version(connection)
            # The snapshot lives as long as this transaction.
            exchange.wait("pg_dump")
    except OSError as error:
        raise StartError(f"the password cannot be read: {error}") from None
    except psycopg.Error as error:
        raise StartError(f"{database.host}: {str(error).splitlines()[0]}") from None
    return Manifest(
        stack=config.backup.stack,
        taken_at=taken_at,
        database=database.name,
        postgres=version,
        schema_version=schema,
        tables=found,
        dump=dump_of(exchange.data),
    )


def _snapshot(connection: psycopg.Connection[tuple[Any, ...]]) -> tuple[str, datetime, str]:
    row = connection.execute(
        "SELECT pg_export_snapshot(), clock_timestamp(), current_setting('server_version')"
    ).fetchone()
    assert row is not None  # no table is read
    return row


def _record(config: BackupConfig, manifest: Manifest, seconds: float) -> None:
    """Tell the database of the backup, for the metrics; the backup is good without it."""
    import psycopg

    try:
        with psycopg.connect(**connection_options(config.database)) as connection:
            connection.execute(
                "SELECT public.record_backup(%s, %s, %s)",
                (manifest.taken_at, seconds, manifest.dump.size),
            )
    except psycopg.Error as error:
        reason = str(error).splitlines()[0]
        print(f"qudag-mcp-server: the backup is stored, but not recorded for metrics: {reason}")
