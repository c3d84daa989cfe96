"""PostgreSQL's start script makes the roles of backups, with the least rights that they need."""

from __future__ import annotations

import tempfile
from collections.abc import Generator
from pathlib import Path
from typing import Any

import psycopg
import pytest

from tests.artifacts.test_postgres import DATABASE, PASSWORD, USER, database_pod, started
from tests.harness.certificates import Authority
from tests.harness.network import port, private_network
from tests.harness.user_servers import NETWORK, recorded
from tests.stacks.test_backup import SECTION

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def running(authority: Authority) -> Generator[None]:
    graph = recorded({"topology": "three-services", "network": NETWORK, "backup": SECTION})
    with tempfile.TemporaryDirectory() as directory, private_network():
        pod = database_pod(Path(directory), authority, graph)
        with started(pod):
            pass  # a second start finds the roles
        with started(pod):
            yield


@pytest.fixture
def connect(running: None, authority: Authority) -> Any:
    def connect(role: str, dbname: str = DATABASE) -> Any:
        return psycopg.connect(
            host="127.0.0.1",
            port=port(5432),
            dbname=dbname,
            user=f"{USER}_{role}",
            password=f"{role} {PASSWORD}",
            sslmode="verify-full",
            sslrootcert=str(authority.ca_file),
            autocommit=True,
        )

    return connect


def test_the_role_of_backups_reads_and_does_nothing_else(connect: Any):
    with connect("backup") as connection:
        for statement in ("CREATE DATABASE other", "CREATE TABLE t (a int)", "CREATE ROLE other"):
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                connection.execute(statement)
    with pytest.raises(psycopg.OperationalError, match=r"no pg_hba\.conf entry"):
        connect("backup", "postgres")


def test_the_role_of_restores_makes_databases_for_the_owner(connect: Any):
    with connect("restore") as connection:
        connection.execute(f"CREATE DATABASE restored OWNER {USER} TEMPLATE template0")
        connection.execute("ALTER DATABASE restored SET qudag_mcp.restored_copy = 'on'")
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            connection.execute("CREATE ROLE other")
    with connect("restore", "restored") as connection:
        connection.execute(f"SET ROLE {USER}")
        connection.execute("CREATE TABLE t (a int)")
    with connect("restore", "postgres") as connection:
        connection.execute("DROP DATABASE restored WITH (FORCE)")
