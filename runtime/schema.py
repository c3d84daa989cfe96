"""Migrations of the database schema, applied in one transaction; versions are append-only."""

from __future__ import annotations

import time
from collections.abc import Generator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from . import audit_schema
from .audit_roles import make_roles
from .config import MigrationConfig
from .database_pool import connection_options
from .renewed_token import TokenError
from .store_config import PostgresSection
from .toml_config import StartError

if TYPE_CHECKING:
    import psycopg

RETRY_SECONDS = 0.5
RESTORED_COPY = "qudag_mcp.restored_copy"
"""Setting of a database that was restored as a copy of the live one. `ALTER DATABASE … RESET`
makes it a database like any other."""
LOCK_SECONDS = 10
"""How long a change waits for calls that use its table: meanwhile new calls wait behind it."""
CHANGE_SECONDS = 300
"""Longest statement; the deadline of the Job is longer."""
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
    (
        "results of backups and restore drills, for metrics",
        """
        CREATE TABLE backup_results (
            at timestamptz NOT NULL DEFAULT now(),
            kind text NOT NULL CHECK (kind IN ('backup', 'drill')),
            outcome text NOT NULL,
            taken_at timestamptz,
            age_seconds double precision,
            seconds double precision,
            bytes bigint,
            PRIMARY KEY (kind, at)
        );
        -- The role of the backup may read only; through these it adds a row, and removes old ones.
        CREATE FUNCTION record_backup(taken_at timestamptz, seconds double precision, bytes bigint)
        RETURNS void LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog AS $$
            DELETE FROM public.backup_results WHERE at < now() - interval '1 year';
            INSERT INTO public.backup_results (kind, outcome, taken_at, seconds, bytes)
            VALUES ('backup', 'stored', $1, $2, $3);
        $$;
        CREATE FUNCTION record_drill(
            taken_at timestamptz, outcome text, age_seconds double precision,
            seconds double precision
        )
        RETURNS void LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog AS $$
            INSERT INTO public.backup_results (kind, taken_at, outcome, age_seconds, seconds)
            VALUES ('drill', $1, $2, $3, $4);
        $$;
        """,
    ),
    (
        "when the values of mounted Secrets were changed, for metrics",
        """
        CREATE TABLE secret_changes (
            secret text NOT NULL,
            key text NOT NULL,
            salt bytea NOT NULL,
            digest bytea NOT NULL,
            changed_at timestamptz NOT NULL DEFAULT now(),
            PRIMARY KEY (secret, key)
        )
        """,
    ),
    (
        "results of backups and drills of volumes, for metrics",
        """
        CREATE TABLE volume_results (
            at timestamptz NOT NULL DEFAULT now(),
            volume text NOT NULL,
            kind text NOT NULL CHECK (kind IN ('backup', 'drill')),
            outcome text NOT NULL,
            taken_at timestamptz,
            seconds double precision,
            PRIMARY KEY (volume, kind, at)
        );
        -- As for backups of the database: the roles of the jobs may add a row, and no more.
        CREATE FUNCTION record_volume(
            volume text, kind text, outcome text, taken_at timestamptz, seconds double precision
        )
        RETURNS void LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog AS $$
            DELETE FROM public.volume_results WHERE at < now() - interval '1 year';
            INSERT INTO public.volume_results (volume, kind, outcome, taken_at, seconds)
            VALUES ($1, $2, $3, $4, $5);
        $$;
        """,
    ),
)
"""What version n (from 1) added. A released entry is never edited: a new one is appended."""


def migrate(config: MigrationConfig, wait_seconds: float) -> str:
    """Migrate the schema to the newest version and return a line that says what was done.

    Each statement has a time limit, and what fails changes nothing, so it can be run again.

    Raises `StartError` if the database does not answer within `wait_seconds`, refuses, is a
    standby, or is a restored copy of the live database.
    """
    if config.database is None:
        raise StartError("the configuration has no [database] section: nothing to migrate")
    database = config.database
    with connected(database, wait_seconds) as connection, _explained():
        where = f"{database.name} on {database.host}"
        if refused := _unfit(connection):
            raise StartError(f"{where} {refused}; nothing was changed")
        done = _apply(connection, where)
        if config.audit_keeper is not None and config.audit_roles is not None:
            with connection.transaction():
                _limit(connection, "statement_timeout", CHANGE_SECONDS)
                made = make_roles(connection, config.audit_keeper, config.audit_roles)
            done += f"\n{made}"
    if (keeper := config.audit_keeper) is None:
        return done
    with connected(keeper, wait_seconds) as connection, _explained():
        _limit(connection, "statement_timeout", CHANGE_SECONDS)
        return f"{done}\n{audit_schema.apply(connection, keeper)}"


@contextmanager
def _explained() -> Generator[None]:
    """Raise `StartError` for what the database refuses."""
    import psycopg

    try:
        yield
    except psycopg.Error as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise StartError(f"the migration was refused and changed nothing: {reason}") from None


def _unfit(connection: psycopg.Connection[tuple[Any, ...]]) -> str | None:
    """Why the database must not be migrated; None if it may be."""
    row = connection.execute(
        "SELECT pg_is_in_recovery(), current_setting(%s, true), "
        "current_setting('transaction_read_only')",
        (RESTORED_COPY,),
    ).fetchone()
    connection.rollback()
    standby, copy, read_only = row or (False, None, "off")
    if standby:
        return "is a standby or is being restored: migrate the primary"
    if copy and copy != "off":
        return (
            "is a restored copy of the live database: migrate that one, or make this "
            f"one live with ALTER DATABASE … RESET {RESTORED_COPY}"
        )
    if read_only == "on":
        return "accepts reads only: migrate the primary"
    return None


def _limit(connection: psycopg.Connection[tuple[Any, ...]], name: str, seconds: int) -> None:
    connection.execute("SELECT set_config(%s, %s, true)", (name, f"{seconds}s"))


def _apply(connection: psycopg.Connection[tuple[Any, ...]], where: str) -> str:
    with connection.transaction():
        _limit(connection, "statement_timeout", CHANGE_SECONDS)
        connection.execute("SELECT pg_advisory_xact_lock(%s)", (LOCK,))
        _limit(connection, "lock_timeout", LOCK_SECONDS)
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


def _without_password(error: OSError) -> str:
    if isinstance(error, TokenError):
        return str(error)
    return f"the password cannot be read: {error}"


def connected(
    database: PostgresSection, wait_seconds: float
) -> psycopg.Connection[tuple[Any, ...]]:
    """A connection; raises `StartError` if the database refuses it, or does not answer in time."""
    import psycopg

    deadline = time.monotonic() + wait_seconds
    where = f"{database.host}:{database.port}"
    while True:
        try:
            return psycopg.connect(**connection_options(database))
        except OSError as error:
            raise StartError(f"{where}: {_without_password(error)}") from None
        except psycopg.OperationalError as error:
            reason = str(error).splitlines()[0]
            if "authentication failed" in reason:
                raise StartError(f"{where} refuses user {database.user}: {reason}") from None
            if time.monotonic() >= deadline:
                raise StartError(
                    f"{where} did not answer within {wait_seconds:g} s: {reason}"
                ) from None
        time.sleep(RETRY_SECONDS)
