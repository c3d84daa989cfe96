"""The real exporter reads a real PostgreSQL with a role that reads statistics and no table."""

from __future__ import annotations

import contextlib
from collections.abc import Generator
from pathlib import Path
from typing import Any, Final

import httpx2
import psycopg
import pytest

from components.kubernetes.embedded_data import EmbeddedDataTier
from components.kubernetes.postgres_exporter import MONITOR, PostgresExporter
from components.mcp.metrics import exported_by
from tests.harness import programs, record
from tests.harness.certificates import Authority
from tests.harness.containers import RunningContainer
from tests.harness.exported_metrics import scraped, value
from tests.harness.minimal_args import data_tier
from tests.harness.network import port, private_network
from tests.harness.pods import Pod
from tests.harness.running_pod import run_container
from tests.harness.server import until

pytestmark = pytest.mark.slow

PASSWORD: Final = "That-of_the-exporter"
"""Of the characters that `up` generates; the exporter reads no others in a password."""
OWNER: Final = "that of the owner"


@pytest.fixture
def pod(tmp_path: Path, authority: Authority) -> Pod:
    programs.required("postgres_exporter", "prometheus-postgres-exporter")
    programs.required("postgres")
    exporter = PostgresExporter(image="example.com/exporter:1", secret="mcp-postgres-exporter")
    args = data_tier(postgres_exporter=exporter)
    graph = record(lambda: EmbeddedDataTier("data", args))
    certificate, key = authority.issue("postgres", ["postgres-service"])
    secrets = {
        "mcp-server-secrets": {"database-password": OWNER},
        "mcp-postgres-exporter": {"password": PASSWORD + "\n"},
        "mcp-internal-tls-postgres": {
            "tls.crt": certificate.read_text(),
            "tls.key": key.read_text(),
        },
    }
    return Pod.recorded(graph, "postgres", tmp_path, secrets)


@contextlib.contextmanager
def connection(user: str, password: str) -> Generator[Any]:
    with psycopg.connect(
        host="127.0.0.1",
        port=port(5432),
        user=user,
        password=password,
        dbname="qudag_mcp",
        sslmode="require",
        autocommit=True,
    ) as made:
        yield made


def test_the_exporter_reads_statistics_with_a_role_that_reads_no_table(pod: Pod):
    probe = pod.container("postgres")["readinessProbe"]["exec"]["command"]
    text = ""
    with private_network():
        for _ in range(2):  # the role is there already at the second start
            with run_container(pod, "postgres") as running:
                until(lambda r=running: r.run(*probe).returncode == 0, within_seconds=60)
                with connection("qudag", OWNER) as owner:
                    owner.execute("CREATE TABLE IF NOT EXISTS texts (words text)")
                with run_container(pod, "exporter", ["postgres_exporter"]) as exporter:
                    text = until(lambda e=exporter: metrics(e))
                with connection(MONITOR, PASSWORD) as monitor:
                    for refused in ("SELECT * FROM texts", "CREATE TABLE t ()", "CREATE ROLE r"):
                        with pytest.raises(psycopg.errors.InsufficientPrivilege):
                            monitor.execute(refused)
                running.terminate()
                assert running.exit_status() == 0
    found = scraped(text)
    kinds = {name: found[name][0] for name in exported_by("postgres") if name in found}
    assert kinds == {name: one.kind for name, one in exported_by("postgres").items()}
    assert value(text, "pg_settings_max_connections") == 200
    assert value(text, "pg_stat_database_numbackends", datname="qudag_mcp") >= 1


def test_a_rotated_password_is_taken_up_by_postgresql_and_by_the_exporter(pod: Pod):
    probe = pod.container("postgres")["readinessProbe"]["exec"]["command"]
    rotated = "new:and\\with'special characters"
    with private_network(), run_container(pod, "postgres") as running:
        until(lambda: running.run(*probe).returncode == 0, within_seconds=60)
        with run_container(pod, "exporter", ["postgres_exporter"]) as exporter:
            until(lambda: metrics(exporter))
            pod.secrets["mcp-postgres-exporter"]["password"] = rotated + "\n"
            pod.update_secrets()
            line = f"the rotated password of {MONITOR} is set"
            until(lambda: line in running.log, within_seconds=30)
            said = "password authentication failed"
            with (
                pytest.raises(psycopg.OperationalError, match=said),
                connection(MONITOR, PASSWORD),
            ):
                pass
            with connection(MONITOR, rotated) as monitor:
                # The exporter has to log in again.
                ended = monitor.execute(
                    "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity "
                    "WHERE usename = current_user AND pid <> pg_backend_pid()"
                ).fetchone()
            assert ended[0] >= 1
            assert until(lambda: metrics(exporter))
            seen = [*running.command_lines(), *exporter.command_lines(), running.log, exporter.log]
        assert not any("special characters" in text or PASSWORD in text for text in seen)
        file = running.run("stat", "-c", "%a", "/exporter/pgpass")
        assert file.stdout == "600\n"


def metrics(exporter: RunningContainer) -> str:
    """The exporter's answer once it has logged in; empty before."""
    assert exporter.process.poll() is None, exporter.log
    with contextlib.suppress(httpx2.TransportError):
        text = httpx2.get(f"http://127.0.0.1:{port(9187)}/metrics", timeout=10).text
        return text if "\npg_up 1" in text else ""
    return ""
