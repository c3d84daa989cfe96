"""PostgreSQL of a platform with an audit log: who owns the log, and who may write to it."""

from __future__ import annotations

from collections.abc import Generator
from pathlib import Path
from typing import Any

import psycopg
import pytest

from runtime.audit_keeper import Keeper
from runtime.config import DatabaseSection, KeeperSection, MigrationConfig
from runtime.schema import migrate
from tests.artifacts.test_postgres import PASSWORD, started
from tests.harness import programs
from tests.harness.certificates import Authority
from tests.harness.containers import RunningContainer
from tests.harness.network import port, private_network
from tests.harness.pods import Pod
from tests.harness.user_servers import recorded

pytestmark = pytest.mark.slow
PASSWORDS = {
    "qudag": PASSWORD,
    "qudag_audit": f"{PASSWORD} writes",
    "qudag_audit_keeper": f"{PASSWORD} owns",
}
KEYS: list[str] = ["database-password", "audit-password", "audit-keeper-password"]


@pytest.fixture(scope="module")
def running(
    authority: Authority, tmp_path_factory: pytest.TempPathFactory
) -> Generator[RunningContainer]:
    """The PostgreSQL of a monolith with an audit log."""
    programs.required("postgres")
    certificate, key = authority.issue("postgres", ["postgres-service"])
    secrets: dict[str, dict[str, str]] = {
        "mcp-server-secrets": dict(zip(KEYS, PASSWORDS.values(), strict=True)),
        "mcp-internal-tls-postgres": {
            "tls.crt": certificate.read_text(),
            "tls.key": key.read_text(),
        },
    }
    directory = tmp_path_factory.mktemp("audited")
    with private_network():
        graph = recorded({"topology": "monolith", "audit": {"enabled": True}})
        with started(Pod.recorded(graph, "postgres", directory, secrets)) as container:
            yield container


@pytest.fixture(scope="module")
def sections(
    running: RunningContainer, authority: Authority, tmp_path_factory: pytest.TempPathFactory
) -> dict[str, dict[str, Any]]:
    """The sections of each role, with the log made by the migration."""
    assert running.process.poll() is None
    directory: Path = tmp_path_factory.mktemp("passwords")
    made: dict[str, dict[str, Any]] = {}
    for user, password in PASSWORDS.items():
        file = directory / user
        file.write_text(password)
        made[user] = {
            "host": "127.0.0.1",
            "port": port(5432),
            "name": "qudag_mcp",
            "user": user,
            "ca_file": authority.ca_file,
            "password_file": file,
        }
    config = MigrationConfig(
        database=DatabaseSection(**made["qudag"]),
        audit_keeper=KeeperSection(**made["qudag_audit_keeper"]),
    )
    assert "audit log: migrated from version 0" in migrate(config, 30)
    return made


def connect(section: dict[str, Any]) -> psycopg.Connection[tuple[Any, ...]]:
    return psycopg.connect(
        host=section["host"],
        port=section["port"],
        dbname=section["name"],
        user=section["user"],
        password=section["password_file"].read_text(),
        sslmode="verify-full",
        sslrootcert=str(section["ca_file"]),
        autocommit=True,
    )


def test_no_role_of_the_log_has_a_right_beyond_it(sections: dict[str, dict[str, Any]]):
    with connect(sections["qudag_audit_keeper"]) as connection:
        found = connection.execute(
            "SELECT rolname, rolsuper, rolcreatedb, rolcreaterole, rolreplication, rolbypassrls"
            " FROM pg_roles WHERE rolname LIKE 'qudag%' ORDER BY 1"
        ).fetchall()
        members = connection.execute(
            "SELECT count(*) FROM pg_auth_members WHERE member::regrole::text LIKE 'qudag%'"
        ).fetchone()
    assert found == [(name, *[False] * 5) for name in sorted(PASSWORDS)]
    assert members == (0,)


@pytest.mark.parametrize(
    "statement",
    [
        "SELECT * FROM audit.log",
        "INSERT INTO audit.log (event, call_id, server) VALUES ('call', 'c', 's')",
        "UPDATE audit.log SET subject = 'x'",
        "DELETE FROM audit.log",
        "TRUNCATE audit.log",
        "DROP TABLE audit.log",
        "DROP SCHEMA audit CASCADE",
        "ALTER SCHEMA audit OWNER TO qudag",
        "SET ROLE qudag_audit_keeper",
        "GRANT qudag_audit_keeper TO qudag",
    ],
)
def test_the_owner_of_the_database_may_not_touch_the_log(
    sections: dict[str, dict[str, Any]], statement: str
):
    refused = pytest.raises(psycopg.errors.InsufficientPrivilege)
    with connect(sections["qudag"]) as connection, refused:
        connection.execute(statement.encode())


def test_the_writer_inserts_over_tls_and_the_log_verifies(sections: dict[str, dict[str, Any]]):
    with connect(sections["qudag_audit"]) as connection:
        connection.execute(
            "INSERT INTO audit.log (event, call_id, server) VALUES ('call', 'c', 's')"
        )
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            connection.execute("DELETE FROM audit.log")
    keeper = Keeper(KeeperSection(**sections["qudag_audit_keeper"]), 20)
    assert keeper.verify({}).startswith("1 rows, from 1 to 1;")
