"""What a backup contains, as the file beside it says: tables, rows, checksums."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel, ConfigDict

if TYPE_CHECKING:
    import psycopg

FORMAT = 1
NAME_TIME = "%Y%m%dT%H%M%SZ"

# Text of a row must not depend on the settings of a server or a role.
SETTINGS = """
SET LOCAL timezone = 'UTC';
SET LOCAL datestyle = 'ISO, YMD';
SET LOCAL intervalstyle = 'iso_8601';
SET LOCAL extra_float_digits = 1;
SET LOCAL bytea_output = 'hex';
SET LOCAL search_path = pg_catalog;
"""
TABLES = """
SELECT n.nspname, c.relname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE c.relkind = 'r' AND c.relpersistence = 'p'
    AND n.nspname NOT IN ('pg_catalog', 'information_schema') AND n.nspname NOT LIKE 'pg\\_%'
ORDER BY 1, 2
"""
# The sum of 64 bits of each row's MD5: it does not depend on the order of rows.
CHECKSUM = """
SELECT count(*), coalesce(sum(('x' || left(md5(t::text), 16))::bit(64)::bigint), 0)::text
FROM {table} AS t
"""


class Table(BaseModel):
    """The content of a table.

    Attributes:
        rows: how many.
        checksum: of all rows, in any order.
    """

    model_config = ConfigDict(frozen=True)

    rows: int
    checksum: str


class Dump(BaseModel):
    """The file with the data.

    Attributes:
        size: in bytes.
        sha256: its digest.
    """

    model_config = ConfigDict(frozen=True)

    size: int
    sha256: str


class Manifest(BaseModel):
    """One backup.

    Attributes:
        format: of this file.
        stack: the platform that was backed up.
        taken_at: time of the snapshot that all of it shows.
        database: its name.
        postgres: version of the server.
        schema_version: of the platform's tables; None without them.
        tables: by `schema.name`.
        dump: the file with the data.
    """

    model_config = ConfigDict(frozen=True)

    format: int = FORMAT
    stack: str
    taken_at: datetime
    database: str
    postgres: str
    schema_version: int | None
    tables: Mapping[str, Table]
    dump: Dump

    @property
    def name(self) -> str:
        """The backup's name: the time of its snapshot."""
        return name_at(self.taken_at)

    @property
    def rows(self) -> int:
        """The rows of all tables."""
        return sum(table.rows for table in self.tables.values())

    def differences(self, found: Mapping[str, Table]) -> list[str]:
        """What a restored database has otherwise, as one line a table."""
        lines: list[str] = []
        for name, wanted in self.tables.items():
            if (got := found.get(name)) is None:
                lines.append(f"{name} is missing: it had {wanted.rows} rows")
            elif got.rows != wanted.rows:
                lines.append(f"{name} has {got.rows} rows, and had {wanted.rows}")
            elif got.checksum != wanted.checksum:
                lines.append(f"{name} has other values in its {got.rows} rows")
        return lines + [f"{name} was not there" for name in found if name not in self.tables]


def name_at(moment: datetime) -> str:
    """The name of a backup that was taken at ``moment``."""
    return moment.astimezone(UTC).strftime(NAME_TIME)


def tables(connection: psycopg.Connection[tuple[Any, ...]]) -> dict[str, Table]:
    """The content of each table, in the snapshot of the connection's transaction."""
    from psycopg import sql

    connection.execute(SETTINGS)
    found: dict[str, Table] = {}
    for schema, name in connection.execute(TABLES).fetchall():
        query = sql.SQL(CHECKSUM).format(table=sql.Identifier(schema, name))
        row = connection.execute(query).fetchone()
        assert row is not None  # an aggregate has one row
        found[f"{schema}.{name}"] = Table(rows=row[0], checksum=row[1])
    return found


def schema_version(connection: psycopg.Connection[tuple[Any, ...]]) -> int | None:
    """The version of the platform's tables; None in a database without them."""
    row = connection.execute("SELECT to_regclass('public.schema_versions')").fetchone()
    if row == (None,):
        return None
    row = connection.execute("SELECT max(version) FROM public.schema_versions").fetchone()
    return row[0] if row else None
