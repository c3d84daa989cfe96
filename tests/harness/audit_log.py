"""The roles and the schema of the audit log in a real PostgreSQL."""

from __future__ import annotations

import contextlib
from collections.abc import Generator
from dataclasses import dataclass
from typing import Any

import psycopg

from runtime.audit_keeper import Keeper
from runtime.config import DatabaseSection, KeeperSection, MigrationConfig
from runtime.schema import migrate

from .postgres import DATABASE, PASSWORD, Postgres

WRITER = "qudag_audit"
KEEPER = "qudag_audit_keeper"


@dataclass(frozen=True)
class AuditLog:
    """An audit log in a database of a test."""

    database: Postgres

    def section(self, **settings: Any) -> dict[str, Any]:
        """The section `[audit]` of a server.toml."""
        return {**self.database.section(), "user": WRITER, **settings}

    def keeper(self, **settings: Any) -> Keeper:
        """The owner of the log."""
        section: dict[str, Any] = {**self.database.section(), "user": KEEPER, **settings}
        return Keeper(KeeperSection(**section), 20)

    def migrate(self) -> str:
        """Migrate as the job does, with the passwords of both roles."""
        database: dict[str, Any] = self.database.section()
        sections = MigrationConfig(
            database=DatabaseSection(**database), audit_keeper=self.keeper().section
        )
        return migrate(sections, 20)

    @contextlib.contextmanager
    def connect(self, user: str = KEEPER) -> Generator[psycopg.Connection[tuple[Any, ...]]]:
        """A connection of one of the roles that commits each statement."""
        with psycopg.connect(
            host="127.0.0.1",
            port=self.database.port,
            dbname=DATABASE,
            user=user,
            password=PASSWORD,
            autocommit=True,
        ) as connection:
            yield connection

    def rows(self, columns: str, where: str = "true") -> list[tuple[Any, ...]]:
        """Columns of the rows, by number."""
        query = f"SELECT {columns} FROM audit.log WHERE {where} ORDER BY seq"
        with self.connect() as connection:
            return connection.execute(query.encode()).fetchall()

    def change(self, *statements: str) -> None:
        """What somebody with all rights may do, past the triggers."""
        with self.database.connect() as connection:
            connection.execute("SET session_replication_role = replica")
            for statement in statements:
                connection.execute(statement.encode())

    def clear(self) -> None:
        """Take the schema away and make it again."""
        with self.database.connect() as connection:
            connection.execute("DROP SCHEMA IF EXISTS audit CASCADE")
        self.migrate()


def with_roles(database: Postgres) -> AuditLog:
    """Make the roles as the start script of the embedded PostgreSQL does, and migrate."""
    with database.connect() as connection:
        for role in (WRITER, KEEPER):
            connection.execute(f"CREATE ROLE {role} LOGIN PASSWORD '{PASSWORD}'".encode())
        connection.execute(f"GRANT CREATE ON DATABASE {DATABASE} TO {KEEPER}".encode())
    log = AuditLog(database)
    log.migrate()
    return log
