"""After a restore, the embedded PostgreSQL gives the audit log back to its roles."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Generator
from pathlib import Path
from typing import Any

import psycopg
import pytest

from runtime.audit_keeper import Keeper
from runtime.audit_row import WRITTEN
from runtime.audit_schema import CHANGES, VERSIONS
from runtime.config import DatabaseSection, KeeperSection, MigrationConfig
from runtime.schema import migrate
from tests.artifacts.test_postgres import DATABASE, PASSWORD, USER, database_pod, started
from tests.harness.certificates import Authority
from tests.harness.network import port, private_network
from tests.harness.server import until
from tests.harness.user_servers import NETWORK, recorded
from tests.stacks.test_backup import SECTION

pytestmark = pytest.mark.slow
WRITER, KEEPER, RESTORE = "qudag_audit", "qudag_audit_keeper", f"{USER}_restore"
SECONDS = 40
PASSWORDS = {
    USER: PASSWORD,
    WRITER: f"audit {PASSWORD}",
    KEEPER: f"audit-keeper {PASSWORD}",
    RESTORE: f"restore {PASSWORD}",
}
Connect = Callable[..., psycopg.Connection[tuple[Any, ...]]]


@pytest.fixture(scope="module")
def section(authority: Authority, tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Any]:
    """The section of a role in a configuration file."""
    folder = tmp_path_factory.mktemp("passwords")

    def made(user: str) -> dict[str, Any]:
        file: Path = folder / user
        file.write_text(PASSWORDS[user])
        return {
            "host": "127.0.0.1",
            "port": port(5432),
            "name": DATABASE,
            "user": user,
            "ca_file": authority.ca_file,
            "password_file": file,
        }

    return made


@pytest.fixture(scope="module")
def connect(authority: Authority, section: Callable[..., Any]) -> Generator[Connect]:
    """Connects as a role to a PostgreSQL that has an audit log and backups."""
    config = {"topology": "microservices", "network": NETWORK, "backup": SECTION}
    graph = recorded({**config, "audit": {"enabled": True}})

    def connect(user: str, database: str = DATABASE) -> psycopg.Connection[tuple[Any, ...]]:
        return psycopg.connect(
            host="127.0.0.1",
            port=port(5432),
            dbname=database,
            user=user,
            password=PASSWORDS[user],
            sslmode="verify-full",
            sslrootcert=str(authority.ca_file),
            autocommit=True,
        )

    with (
        tempfile.TemporaryDirectory() as directory,
        private_network(),
        started(database_pod(Path(directory), authority, graph)),
    ):
        sections = MigrationConfig(
            database=DatabaseSection(**section(USER)),
            audit_keeper=KeeperSection(**section(KEEPER)),
        )
        assert "audit log: migrated from version 0" in migrate(sections, 30)
        yield connect


def replaced(connect: Connect) -> None:
    """Another database with the name, as `restore --replace` leaves it, without rights."""
    with connect(RESTORE, "postgres") as connection:
        connection.execute(f"CREATE DATABASE restored OWNER {USER}".encode())
    with connect(RESTORE, "restored") as connection:
        connection.execute(f"SET ROLE {USER}".encode())
        connection.execute(VERSIONS)
        for _, change in CHANGES:
            connection.execute(change.encode())
        connection.execute("SELECT audit.make_partitions(1)")
        connection.execute("GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA audit TO PUBLIC")
    with connect(RESTORE, "postgres") as connection:
        connection.execute(f"ALTER DATABASE {DATABASE} RENAME TO before".encode())
        connection.execute(f"ALTER DATABASE restored RENAME TO {DATABASE}".encode())


def inserted(connect: Connect) -> bool:
    """Whether the writer may write its row."""
    try:
        with connect(WRITER) as connection:
            connection.execute(
                "INSERT INTO audit.log (event, call_id, server) VALUES ('call', 'c', 's')"
            )
    except psycopg.errors.InsufficientPrivilege:
        return False
    return True


def test_the_log_of_a_restored_database_goes_back_to_its_roles(
    connect: Connect, section: Callable[..., Any]
):
    replaced(connect)
    assert not inserted(connect)
    until(lambda: inserted(connect), SECONDS)
    for user, statement in (
        (USER, "DELETE FROM audit.log"),
        (USER, "ALTER SCHEMA audit OWNER TO qudag"),
        (
            WRITER,
            "INSERT INTO audit.log (event, call_id, server, hash) VALUES ('call','x','s','h')",
        ),
        (WRITER, "SELECT subject FROM audit.log"),
        (WRITER, "UPDATE audit.log SET subject = 'x'"),
        (WRITER, "SELECT audit.hash_of(NULL)"),
        (WRITER, "DELETE FROM audit.results"),
    ):
        with connect(user) as connection, pytest.raises(psycopg.errors.InsufficientPrivilege):
            connection.execute(statement.encode())
    with connect(KEEPER) as connection:
        others = connection.execute(
            "SELECT count(*) FROM pg_class WHERE relnamespace = 'audit'::regnamespace"
            " AND relowner <> 'qudag_audit_keeper'::regrole"
        ).fetchone()
        written = connection.execute(
            "SELECT column_name FROM information_schema.column_privileges WHERE table_name = 'log'"
            " AND grantee = 'qudag_audit' AND privilege_type = 'INSERT'"
        ).fetchall()
    assert others == (0,)
    assert {name for (name,) in written} == set(WRITTEN)
    keeper = Keeper(KeeperSection(**section(KEEPER)), 20)
    assert keeper.verify({}).startswith("1 rows, from 1 to 1;")
