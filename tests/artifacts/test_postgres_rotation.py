"""The passwords of all roles that servers and jobs log in with rotate while PostgreSQL runs."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import psycopg
import pytest

from tests.artifacts.test_postgres import PASSWORD, started
from tests.harness import programs
from tests.harness.certificates import Authority
from tests.harness.network import port, private_network
from tests.harness.pods import Pod
from tests.harness.server import until
from tests.harness.user_servers import NETWORK, recorded
from tests.stacks.test_backup import SECTION

pytestmark = pytest.mark.slow
ROLES = {
    "database-password": "qudag",
    "audit-password": "qudag_audit",
    "audit-keeper-password": "qudag_audit_keeper",
    "backup-password": "qudag_backup",
    "restore-password": "qudag_restore",
}
OF_SERVERS = ("database-password", "audit-password")
"""Servers keep the last one that worked, and so these are set after a delay."""


@pytest.fixture
def pod(tmp_path: Path, authority: Authority) -> Pod:
    """PostgreSQL of a stack with an audit log and backups."""
    programs.required("postgres")
    certificate, key = authority.issue("postgres", ["postgres-service"])
    sections: dict[str, Any] = {"topology": "microservices", "network": NETWORK}
    graph = recorded({**sections, "backup": SECTION, "audit": {"enabled": True}})
    secrets = {
        "mcp-server-secrets": {name: f"{PASSWORD} of {name}\n" for name in ROLES},
        "mcp-internal-tls-postgres": {
            "tls.crt": certificate.read_text(),
            "tls.key": key.read_text(),
        },
    }
    return Pod.recorded(graph, "postgres", tmp_path, secrets)


def connect(role: str, password: str) -> psycopg.Connection[Any]:
    return psycopg.connect(
        host="127.0.0.1",
        port=port(5432),
        dbname="qudag_mcp",
        user=role,
        password=password,
        sslmode="require",
        autocommit=True,
    )


def accepts(role: str, password: str) -> bool:
    try:
        connect(role, password).close()
    except psycopg.OperationalError as error:
        if "password authentication failed" not in str(error):
            raise
        return False
    return True


def test_every_password_that_the_pod_mounts_is_that_of_a_role(pod: Pod):
    (volume,) = (one for one in pod.spec["volumes"] if "mcp-server-secrets" in str(one))
    assert {item["key"] for item in volume["secret"]["items"]} == set(ROLES)


@pytest.mark.parametrize("rotated", [["audit-password"], [*ROLES]])
def test_a_rotated_password_is_set_for_its_role_alone(pod: Pod, rotated: list[str]):
    (delay,) = [e for e in pod.container("postgres")["env"] if e["name"] == "ROTATION_DELAY"]
    delay["value"] = "1"
    held = pod.secrets["mcp-server-secrets"]
    before = {name: value.rstrip() for name, value in held.items()}
    with private_network(), started(pod) as running:
        client = connect("qudag_audit", before["audit-password"])
        for name in rotated:
            held[name] = f"new {PASSWORD} of {name}\n"
        pod.update_secrets()
        for name in rotated:
            line = f"the rotated password of {ROLES[name]} is set"
            until(lambda line=line: line in running.log, within_seconds=30)
        for name, role in ROLES.items():
            assert accepts(role, held[name].rstrip()), role
            assert accepts(role, before[name]) == (name not in rotated), role
        assert client.execute("SELECT 1").fetchone() == (1,), "open connections stay"
        seen = [*running.command_lines(), running.log]
        assert not any("quoted" in text for text in seen), "a password is on no command line"
        running.terminate()
        assert running.exit_status() == 0
