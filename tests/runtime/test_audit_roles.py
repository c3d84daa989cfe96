"""The audit log in a PostgreSQL whose administrator is no superuser, as clouds have it."""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg
import pytest

from runtime.audit_config import AuditRolesSection
from runtime.audit_keeper import Keeper
from runtime.config import DatabaseSection, KeeperSection, MigrationConfig
from runtime.schema import migrate
from runtime.toml_config import StartError, validated
from tests.harness.postgres import HOW_TO_GET, PASSWORD, Postgres, binaries, postgres

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(binaries() is None, reason=HOW_TO_GET),
]
OWNERS = {"rds": "CREATEROLE CREATEDB", "plain": ""}
"""Logins that own a database: that of a cloud's administrator, and one that may do nothing else."""
WRITER, KEEPER = "qudag_audit", "qudag_audit_keeper"


@dataclass(frozen=True)
class Managed:
    """A server on which nobody but its provider is a superuser."""

    server: Postgres
    directory: Path

    def password(self, text: str) -> Path:
        """A file with a password."""
        file = self.directory / text
        file.write_text(f"{text}\n")
        return file

    def section(self, user: str, owner: str, password: str = PASSWORD) -> dict[str, Any]:
        return {
            **{"host": "127.0.0.1", "port": self.server.port, "name": f"of_{owner}", "user": user},
            "password_file": self.password(password),
        }

    def migrate(self, owner: str, *, writes: str = "writes", keeps: str = "keeps") -> str:
        """Migrate as the Job does."""
        config = MigrationConfig(
            database=DatabaseSection(**self.section(owner, owner)),
            audit_keeper=KeeperSection(**self.section(KEEPER, owner, keeps)),
            audit_roles=AuditRolesSection(password_file=self.password(writes)),
        )
        return migrate(config, 20)

    def connect(
        self, user: str, password: str, owner: str = "rds"
    ) -> psycopg.Connection[tuple[Any, ...]]:
        return psycopg.connect(
            host="127.0.0.1",
            port=self.server.port,
            dbname=f"of_{owner}",
            user=user,
            password=password,
            autocommit=True,
        )

    def administer(self, *statements: str, database: str = "postgres") -> None:
        """Do what only the provider may."""
        with self.server.connect(database) as connection:
            connection.autocommit = True
            for statement in statements:
                connection.execute(statement.encode())


@pytest.fixture(scope="module")
def server() -> Generator[Postgres]:
    with postgres() as running:
        with running.connect("postgres") as connection:
            connection.autocommit = True
            connection.execute("ALTER SYSTEM SET log_statement = 'all'")
            connection.execute("SELECT pg_reload_conf()")
        yield running


@pytest.fixture
def managed(server: Postgres, tmp_path: Path) -> Generator[Managed]:
    made = Managed(server, tmp_path)
    for owner, rights in OWNERS.items():
        made.administer(
            f"CREATE ROLE {owner} LOGIN PASSWORD '{PASSWORD}' {rights}",
            f"CREATE DATABASE of_{owner} OWNER {owner}",
        )
    yield made
    made.administer(
        *(f"DROP DATABASE of_{owner} WITH (FORCE)" for owner in OWNERS),
        *(f"DROP ROLE IF EXISTS {role}" for role in (*OWNERS, WRITER, KEEPER)),
    )


CHANGES = [
    "INSERT INTO audit.log (event, call_id, server, hash) VALUES ('call', 'c', 's', 'h')",
    "UPDATE audit.log SET subject = 'x'",
    "DELETE FROM audit.log",
    "TRUNCATE audit.log",
    "ALTER TABLE audit.log DISABLE TRIGGER ALL",
    "ALTER TABLE audit.log OWNER TO CURRENT_USER",
    "DROP TABLE audit.log",
    "DROP SCHEMA audit CASCADE",
    "ALTER SCHEMA audit OWNER TO CURRENT_USER",
    "UPDATE audit.head SET seq = 0",
    "UPDATE audit.results SET passed = true",
    "CREATE OR REPLACE FUNCTION audit.chained() RETURNS trigger LANGUAGE sql AS ''",
    f"SET ROLE {KEEPER}",
    "SET session_replication_role = replica",
]


def test_the_login_of_a_cloud_makes_the_roles_and_may_not_touch_the_log(managed: Managed):
    done = managed.migrate("rds")
    assert f"audit log: roles made: {WRITER}, {KEEPER}" in done
    assert "audit log: migrated from version 0" in done
    with managed.connect(WRITER, "writes") as connection:
        connection.execute(
            "INSERT INTO audit.log (event, call_id, server) VALUES ('call', 'c', 's')"
        )
    for user, password in ((WRITER, "writes"), ("rds", PASSWORD)):
        with managed.connect(user, password) as connection:
            for statement in CHANGES:
                with pytest.raises(psycopg.errors.InsufficientPrivilege):
                    connection.execute(statement.encode())
    keeper = Keeper(KeeperSection(**managed.section(KEEPER, "rds", "keeps")), 20)
    assert keeper.verify({}).startswith("1 rows, from 1 to 1;")
    # The page says so: this login can make itself a member, and only the chain shows what it does.
    with managed.connect("rds", PASSWORD) as connection:
        connection.execute(f"GRANT {KEEPER} TO rds".encode())
        connection.execute(f"SET ROLE {KEEPER}".encode())
        for trigger in ("kept", "kept_whole"):
            connection.execute(f"ALTER TABLE audit.log DISABLE TRIGGER {trigger}".encode())
        connection.execute("DELETE FROM audit.log")
    with pytest.raises(Exception, match="rows from 1 to 1 are missing at the end"):
        keeper.verify({})


def test_the_roles_have_no_right_beyond_the_log(managed: Managed):
    managed.migrate("rds")
    with managed.connect("rds", PASSWORD) as connection:
        found = connection.execute(
            "SELECT rolname, rolsuper, rolcreatedb, rolcreaterole, rolreplication, rolbypassrls"
            " FROM pg_roles WHERE rolname LIKE 'qudag_audit%' ORDER BY 1"
        ).fetchall()
        members = connection.execute(
            "SELECT count(*) FROM pg_auth_members WHERE member::regrole::text LIKE 'qudag_audit%'"
        ).fetchone()
    assert found == [(WRITER, *[False] * 5), (KEEPER, *[False] * 5)]
    assert members == (0,)


def test_a_second_migration_sets_new_passwords_and_no_log_has_one(managed: Managed):
    managed.migrate("rds")
    done = managed.migrate("rds", writes="written-anew", keeps="kept-anew")
    assert "audit log: the roles are there" in done
    for user, password in ((WRITER, "written-anew"), (KEEPER, "kept-anew")):
        with managed.connect(user, password) as connection:
            connection.execute("SELECT 1")
    with pytest.raises(psycopg.OperationalError):
        managed.connect(WRITER, "writes")
    logged = (managed.server.directory / "log").read_text()
    assert f'ALTER ROLE "{WRITER}" LOGIN PASSWORD' in logged
    assert "written-anew" not in logged
    assert "kept-anew" not in logged


def test_roles_that_somebody_else_has_made_keep_their_passwords(managed: Managed):
    managed.administer(
        f"CREATE ROLE {WRITER} LOGIN PASSWORD 'of-the-operator'",
        f"CREATE ROLE {KEEPER} LOGIN PASSWORD 'keeps'",
    )
    assert "audit log: the roles are there" in managed.migrate("plain")
    with managed.connect(WRITER, "of-the-operator", "plain") as connection:
        connection.execute(
            "INSERT INTO audit.log (event, call_id, server) VALUES ('call', 'c', 's')"
        )
    with managed.connect("plain", PASSWORD, "plain") as connection:
        for statement in (*CHANGES, f"GRANT {KEEPER} TO plain"):
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                connection.execute(statement.encode())


def test_a_login_that_may_not_create_roles_is_told_what_to_run(managed: Managed):
    managed.administer(f"CREATE ROLE {WRITER} LOGIN PASSWORD 'writes'")
    with pytest.raises(StartError) as refused:
        managed.migrate("plain")
    told = str(refused.value)
    assert f"{KEEPER} missing on 127.0.0.1, and plain may not create roles" in told
    assert f"CREATE ROLE {KEEPER} LOGIN PASSWORD" in told
    assert f"CREATE ROLE {WRITER} " not in told
    _, _, statements = told.partition("administrator of the server: ")
    managed.administer(*filter(str.strip, statements.replace("…", "keeps").split(";")))
    assert "audit log: migrated from version 0" in managed.migrate("plain")


def test_a_login_that_does_not_own_the_database_is_told_what_to_run(managed: Managed):
    managed.migrate("rds")
    managed.administer("ALTER DATABASE of_rds OWNER TO qudag")
    managed.administer(f"REVOKE CREATE ON DATABASE of_rds FROM {KEEPER}")
    managed.administer("GRANT CREATE ON SCHEMA public TO rds", database="of_rds")
    with pytest.raises(StartError, match="GRANT CREATE ON DATABASE of_rds TO qudag_audit_keeper"):
        managed.migrate("rds")


def test_roles_without_a_keeper_are_refused():
    with pytest.raises(Exception, match="audit_keeper is missing"):
        validated(
            "migration.toml",
            {"database": {"host": "h", "name": "n", "user": "u"}, "audit_roles": {}},
            MigrationConfig,
        )


def test_a_password_that_is_missing_is_refused_before_anything_is_made(managed: Managed):
    managed.password("writes").unlink()
    config = MigrationConfig(
        database=DatabaseSection(**managed.section("rds", "rds")),
        audit_keeper=KeeperSection(**managed.section(KEEPER, "rds", "keeps")),
        audit_roles=AuditRolesSection(password_file=managed.directory / "writes"),
    )
    with pytest.raises(StartError, match="a password of the audit log cannot be read"):
        migrate(config, 20)
    with managed.connect("rds", PASSWORD) as connection:
        row = connection.execute(
            "SELECT count(*) FROM pg_roles WHERE rolname LIKE 'qudag_audit%'"
        ).fetchone()
    assert row == (0,)
