"""Migrations of the database schema, applied in one transaction; versions are append-only."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from .config import DatabaseSection, MigrationConfig
from .database_pool import connection_options
from .toml_config import StartError

if TYPE_CHECKING:
    import psycopg

RETRY_SECONDS = 0.5
LOCK = 0x71756461  # advisory lock: replicas that start together migrate one after another
VERSIONS = """
CREATE TABLE IF NOT EXISTS schema_versions (
    version integer PRIMARY KEY,
    description text NOT NULL,
    applied_at timestamptz NOT NULL DEFAULT now()
);
CREATE OR REPLACE FUNCTION schema_versions_are_kept() RETURNS trigger LANGUAGE plpgsql AS
$$ BEGIN RAISE EXCEPTION 'schema_versions is append-only'; END $$;
CREATE OR REPLACE TRIGGER kept BEFORE UPDATE OR DELETE OR TRUNCATE ON schema_versions
    FOR EACH STATEMENT EXECUTE FUNCTION schema_versions_are_kept();
"""
CHANGES: tuple[tuple[str, str], ...] = (
    (
        "memories, each its owner's",
        """
        CREATE TABLE memories (
            owner text NOT NULL,
            name text NOT NULL,
            text text NOT NULL,
            written_at timestamptz NOT NULL DEFAULT now(),
            PRIMARY KEY (owner, name)
        )
        """,
    ),
    (
        "vault entries, each its owner's and encrypted",
        """
        CREATE TABLE vault_entries (
            owner text NOT NULL,
            name text NOT NULL,
            encrypted bytea NOT NULL,
            written_at timestamptz NOT NULL DEFAULT now(),
            PRIMARY KEY (owner, name)
        )
        """,
    ),
)
"""What version n (from 1) added. A released entry is never edited: a new one is appended."""


def migrate(config: MigrationConfig, wait_seconds: float) -> str:
    """Migrate the schema to the newest version and return a line that says what was done.

    Raises `StartError` if the database does not answer within `wait_seconds` or refuses.
    """
    import psycopg

    if config.database is None:
        raise StartError("the configuration has no [database] section: nothing to migrate")
    database = config.database
    with _connection(database, wait_seconds) as connection:
        try:
            return _apply(connection, f"{database.name} on {database.host}")
        except psycopg.Error as error:
            reason = str(error).splitlines()[0] if str(error) else type(error).__name__
            raise StartError(f"the migration was refused and changed nothing: {reason}") from None


def _apply(connection: psycopg.Connection[tuple[Any, ...]], where: str) -> str:
    with connection.transaction():
        connection.execute("SELECT pg_advisory_xact_lock(%s)", (LOCK,))
        connection.execute(VERSIONS)
        row = connection.execute("SELECT coalesce(max(version), 0) FROM schema_versions").fetchone()
        found: int = row[0] if row else 0
        for version, (description, change) in enumerate(CHANGES, start=1):
            if version > found:
                connection.execute(change.encode())
                connection.execute(
                    "INSERT INTO schema_versions (version, description) VALUES (%s, %s)",
                    (version, description),
                )
    if found > len(CHANGES):
        return f"{where}: at version {found}, newer than this program's {len(CHANGES)}; left as is"
    if found == len(CHANGES):
        return f"{where}: already at version {found}; nothing to do"
    return f"{where}: migrated from version {found} to {len(CHANGES)}"


def _connection(
    database: DatabaseSection, wait_seconds: float
) -> psycopg.Connection[tuple[Any, ...]]:
    import psycopg

    deadline = time.monotonic() + wait_seconds
    where = f"{database.host}:{database.port}"
    while True:
        try:
            return psycopg.connect(**connection_options(database))
        except OSError as error:
            raise StartError(f"the password cannot be read: {error}") from None
        except psycopg.OperationalError as error:
            reason = str(error).splitlines()[0]
            if "authentication failed" in reason:
                raise StartError(f"{where} refuses user {database.user}: {reason}") from None
            if time.monotonic() >= deadline:
                raise StartError(
                    f"{where} did not answer within {wait_seconds:g} s: {reason}"
                ) from None
        time.sleep(RETRY_SECONDS)
