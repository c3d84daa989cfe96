"""The schema `audit` in PostgreSQL, which belongs to the audit log's keeper alone.

The role that writes rows may insert the columns of `WRITTEN` and nothing else: a trigger sets the
number, the time and the hash of a row. Rows are numbered without gaps, and the hash of a row covers
the hash of the row before it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .audit_row import WRITTEN
from .config import KeeperSection

if TYPE_CHECKING:
    import psycopg

LOCK = 1635083369  # advisory lock: migrations, and the makers of partitions, one after another
VERSIONS = """
CREATE SCHEMA IF NOT EXISTS audit;
CREATE TABLE IF NOT EXISTS audit.versions (
    version integer PRIMARY KEY,
    description text NOT NULL,
    applied_at timestamptz NOT NULL DEFAULT now()
);
"""
CHANGES: tuple[tuple[str, str], ...] = (
    (
        "rows, each with the hash of the one before",
        """
        CREATE TABLE audit.head (
            one boolean PRIMARY KEY DEFAULT true CHECK (one),
            seq bigint NOT NULL,
            hash text NOT NULL
        ) WITH (fillfactor = 10);
        INSERT INTO audit.head (seq, hash) VALUES (0, repeat('0', 64));

        CREATE TABLE audit.log (
            seq bigint NOT NULL,
            at timestamptz NOT NULL DEFAULT now(),
            event text NOT NULL CHECK (event IN ('call', 'outcome', 'refusal', 'dropped')),
            call_id text NOT NULL,
            server text NOT NULL,
            request_id text,
            issuer text,
            subject text,
            client_id text,
            address text,
            resource text,
            method text,
            name text,
            outcome text,
            status integer,
            reason text,
            arguments text,
            previous text NOT NULL,
            hash text NOT NULL,
            PRIMARY KEY (seq, at)
        ) PARTITION BY RANGE (at);
        CREATE INDEX ON audit.log (call_id);
        CREATE INDEX ON audit.log (subject, at);

        CREATE FUNCTION audit.hash_of(entry audit.log) RETURNS text LANGUAGE sql STABLE
        SET search_path = pg_catalog AS $$
            SELECT encode(sha256(convert_to(string_agg(
                CASE WHEN part IS NULL THEN '-' ELSE length(part) || ':' || part END, ',' ORDER BY n
            ), 'UTF8')), 'hex')
            FROM unnest(ARRAY[
                entry.previous, entry.seq::text,
                to_char(entry.at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US'),
                entry.event, entry.call_id, entry.server, entry.request_id, entry.issuer,
                entry.subject, entry.client_id, entry.address, entry.resource, entry.method,
                entry.name, entry.outcome, entry.status::text, entry.reason, entry.arguments
            ]) WITH ORDINALITY AS parts(part, n)
        $$;

        CREATE FUNCTION audit.chained() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
        SET search_path = pg_catalog AS $$
        DECLARE last audit.head;
        BEGIN
            -- Held to the end of the transaction: rows of all writers are one chain.
            SELECT * INTO last FROM audit.head FOR UPDATE;
            -- A writer that lost its connection does not know whether its row was committed.
            IF EXISTS (
                SELECT FROM audit.log
                WHERE call_id = NEW.call_id AND event = NEW.event AND at > now() - interval '1 day'
            ) THEN
                RETURN NULL;
            END IF;
            NEW.seq := last.seq + 1;
            NEW.at := now();
            NEW.previous := last.hash;
            NEW.hash := audit.hash_of(NEW);
            UPDATE audit.head SET seq = NEW.seq, hash = NEW.hash;
            RETURN NEW;
        END $$;
        CREATE TRIGGER chained BEFORE INSERT ON audit.log
            FOR EACH ROW EXECUTE FUNCTION audit.chained();

        CREATE FUNCTION audit.kept() RETURNS trigger LANGUAGE plpgsql AS
            $$ BEGIN RAISE EXCEPTION 'the audit log is append-only'; END $$;
        CREATE TRIGGER kept BEFORE UPDATE OR DELETE ON audit.log
            FOR EACH ROW EXECUTE FUNCTION audit.kept();
        CREATE TRIGGER kept_whole BEFORE TRUNCATE ON audit.log
            FOR EACH STATEMENT EXECUTE FUNCTION audit.kept();

        CREATE FUNCTION audit.make_partitions(ahead integer) RETURNS integer LANGUAGE plpgsql
        SECURITY DEFINER SET search_path = pg_catalog AS $$
        DECLARE
            month timestamp;
            partition text;
            made integer := 0;
        BEGIN
            FOR number IN 0..least(greatest(ahead, 0), 12) LOOP
                month := date_trunc('month', now() AT TIME ZONE 'UTC') + make_interval(0, number);
                partition := to_char(month, '"log_"YYYY_MM');
                CONTINUE WHEN to_regclass('audit.' || partition) IS NOT NULL;
                PERFORM pg_advisory_xact_lock(1635083369);
                CONTINUE WHEN to_regclass('audit.' || partition) IS NOT NULL;
                EXECUTE format(
                    'CREATE TABLE audit.%I PARTITION OF audit.log FOR VALUES FROM (%L) TO (%L)',
                    partition, month || '+00', (month + interval '1 month') || '+00'
                );
                made := made + 1;
            END LOOP;
            RETURN made;
        END $$;
        REVOKE ALL ON ALL FUNCTIONS IN SCHEMA audit FROM PUBLIC;
        """,
    ),
    (
        "results of the job that keeps the log, for metrics",
        """
        CREATE TABLE audit.results (
            kind text PRIMARY KEY,
            at timestamptz NOT NULL DEFAULT now(),
            passed boolean NOT NULL,
            passed_at timestamptz
        );
        """,
    ),
    (
        "months that are in the bucket",
        """
        CREATE TABLE audit.exports (
            month text PRIMARY KEY,
            rows bigint NOT NULL,
            first bigint NOT NULL,
            last bigint NOT NULL,
            hash text NOT NULL,
            location text NOT NULL,
            exported_at timestamptz NOT NULL DEFAULT now()
        );
        """,
    ),
)
"""What version n (from 1) added. A released entry is never edited: a new one is appended."""

GRANTS = (
    "GRANT USAGE ON SCHEMA audit TO {writer}",
    "GRANT INSERT ({written}), SELECT (seq, hash) ON audit.log TO {writer}",
    "GRANT EXECUTE ON FUNCTION audit.make_partitions(integer) TO {writer}",
    "GRANT SELECT ON audit.results TO {writer}",
)
"""What the writer may do: insert, read the numbers and hashes of rows, make an empty month, and
read the results that servers export as metrics."""


def apply(connection: psycopg.Connection[tuple[Any, ...]], keeper: KeeperSection) -> str:
    """Migrate the schema `audit` in a transaction; returns what was done."""
    from psycopg import sql

    with connection.transaction():
        connection.execute("SELECT pg_advisory_xact_lock(%s)", (LOCK,))
        if connection.execute("SELECT to_regclass('audit.versions')").fetchone() == (None,):
            connection.execute(VERSIONS)
        row = connection.execute("SELECT coalesce(max(version), 0) FROM audit.versions").fetchone()
        found: int = row[0] if row else 0
        for version, (description, change) in enumerate(CHANGES, start=1):
            if version > found:
                connection.execute(change.encode())
                connection.execute(
                    "INSERT INTO audit.versions (version, description) VALUES (%s, %s)",
                    (version, description),
                )
        names = {
            "writer": sql.Identifier(keeper.writer),
            "written": sql.SQL(", ").join(map(sql.Identifier, WRITTEN)),
        }
        for grant in GRANTS:
            connection.execute(sql.SQL(grant).format(**names))
        connection.execute("SELECT audit.make_partitions(%s)", (keeper.months_ahead,))
    if found >= len(CHANGES):
        return f"audit log: already at version {found}; nothing to do"
    return f"audit log: migrated from version {found} to {len(CHANGES)}"
