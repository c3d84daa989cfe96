"""PostgreSQL runs with its rendered start script and settings."""

from __future__ import annotations

import contextlib
import tempfile
from collections.abc import Generator
from pathlib import Path
from typing import Any

import psycopg
import pytest

from graph.resource_graph import ResourceGraph
from tests.harness import programs
from tests.harness.certificates import Authority
from tests.harness.containers import RunningContainer
from tests.harness.network import port, private_network
from tests.harness.pods import Pod
from tests.harness.running_pod import run_container
from tests.harness.server import until
from tests.harness.stacks import stack

DATABASE, USER = "qudag_mcp", "qudag"
PASSWORD = r"""it's "quoted" \c \\n $HOME `id` ; -- ü%s &"""


def database_pod(directory: Path, authority: Authority, graph: ResourceGraph | None = None) -> Pod:
    programs.required("postgres")
    certificate, key = authority.issue("postgres", ["postgres-service"])
    secrets = {
        "mcp-server-secrets": {
            "database-password": PASSWORD + "\n",
            "backup-password": f"backup {PASSWORD}\n",
            "restore-password": f"restore {PASSWORD}\n",
            "audit-password": f"audit {PASSWORD}\n",
            "audit-keeper-password": f"audit-keeper {PASSWORD}\n",
        },
        "mcp-internal-tls-postgres": {
            "tls.crt": certificate.read_text(),
            "tls.key": key.read_text(),
        },
    }
    return Pod.recorded(graph or stack("dev"), "postgres", directory, secrets)


def is_ready(running: RunningContainer) -> bool:
    assert running.process.poll() is None, running.log
    probe = running.pod.container("postgres")["readinessProbe"]
    return running.run(*probe["exec"]["command"]).returncode == 0


@contextlib.contextmanager
def started(pod: Pod) -> Generator[RunningContainer]:
    with run_container(pod, "postgres") as running:
        until(lambda: is_ready(running), within_seconds=60)
        yield running


@contextlib.contextmanager
def database_pod_of_its_own(authority: Authority) -> Generator[Pod]:
    """In memory where that can be, since a first start waits for the disk and little else."""
    memory = Path("/dev/shm")
    with (
        tempfile.TemporaryDirectory(dir=memory if memory.is_dir() else None) as directory,
        private_network(),
    ):
        yield database_pod(Path(directory), authority)


@pytest.fixture(scope="module")
def running(authority: Authority) -> Generator[RunningContainer]:
    with database_pod_of_its_own(authority) as pod, started(pod) as running:
        yield running


@pytest.fixture
def pod(authority: Authority) -> Generator[Pod]:
    with database_pod_of_its_own(authority) as pod:
        yield pod


@pytest.fixture
def connect(authority: Authority) -> Any:
    """Connects as the platform's servers do, but for what is given otherwise."""

    def connect(**otherwise: Any) -> Any:
        as_servers: dict[str, Any] = {
            "host": "127.0.0.1",
            "port": port(5432),
            "dbname": DATABASE,
            "user": USER,
            "password": PASSWORD,
            "sslmode": "verify-full",
            "sslrootcert": str(authority.ca_file),
        }
        return psycopg.connect(**(as_servers | otherwise), autocommit=True)

    return connect


def test_the_first_start_makes_the_database_and_its_owner(running: RunningContainer, connect: Any):
    with connect() as connection:
        connection.execute("CREATE TABLE kept (word text)")
        found = connection.execute(
            "SELECT current_user, pg_get_userbyid(datdba), rolsuper, rolcreatedb, rolcreaterole,"
            " rolreplication, rolbypassrls"
            " FROM pg_database JOIN pg_roles ON rolname = current_user WHERE datname = %s",
            [DATABASE],
        ).fetchone()
    assert found == (USER, USER, False, False, False, False, False)


def test_connections_are_encrypted_by_tls_1_3(running: RunningContainer, connect: Any):
    with connect() as connection:
        query = "SELECT ssl, version FROM pg_stat_ssl WHERE pid = pg_backend_pid()"
        assert connection.execute(query).fetchone() == (True, "TLSv1.3")


@pytest.mark.parametrize(
    ("otherwise", "reason"),
    [
        ({"sslmode": "disable"}, "no pg_hba.conf entry .* no encryption"),
        ({"password": "wrong"}, "password authentication failed"),
        ({"password": ""}, "no password supplied"),
        ({"dbname": "postgres"}, "no pg_hba.conf entry"),
        ({"dbname": "template1"}, "no pg_hba.conf entry"),
        ({"user": "postgres"}, "no pg_hba.conf entry"),
        ({"sslmode": "require", "ssl_max_protocol_version": "TLSv1.2"}, "SSL error"),
    ],
    ids=["plain", "wrong", "none", "postgres", "template1", "superuser", "old-tls"],
)
def test_every_other_way_in_is_refused(
    running: RunningContainer, connect: Any, otherwise: dict[str, str], reason: str
):
    if "ssl_max_protocol_version" not in otherwise and otherwise.get("sslmode") != "disable":
        otherwise = {"sslmode": "require", "sslrootcert": ""} | otherwise
    with pytest.raises(psycopg.OperationalError, match=reason):
        connect(**otherwise)


def test_the_unix_socket_is_for_the_containers_own_user_alone(running: RunningContainer):
    """Its start script sets a rotated password through it; that user owns the data as well."""
    asked = running.run(
        *("psql", "--host=/tmp", "--username=postgres", "--tuples-only", "--no-align"),
        *("--command=SHOW unix_socket_permissions", "postgres"),
    )
    assert asked.stdout.strip() == "0700", asked.stderr
    for name, user in ((DATABASE, "postgres"), ("postgres", USER), (DATABASE, USER)):
        answer = running.run("psql", "--host=/tmp", f"--username={user}", "--command=", name)
        assert answer.returncode != 0
        assert "no pg_hba.conf entry" in answer.stderr


def test_the_password_is_on_no_command_line_and_in_no_log(running: RunningContainer):
    seen = [*running.command_lines(), running.log]
    assert not any("quoted" in text for text in seen)


@pytest.mark.slow
def test_a_stop_ends_clients_in_order_and_the_next_start_keeps_their_rows(pod: Pod, connect: Any):
    with started(pod) as running, connect() as client:
        client.execute("CREATE TABLE kept (word text)")
        client.execute("INSERT INTO kept VALUES ('before')")
        running.terminate()
        assert running.exit_status() == 0
        assert "database system is shut down" in running.log
        with pytest.raises(psycopg.OperationalError):
            client.execute("SELECT 1")
    # Meanwhile the Secret was rotated.
    pod.secrets["mcp-server-secrets"]["database-password"] = "rotated"
    with started(pod) as running:
        with connect(password="rotated") as client:
            assert client.execute("SELECT word FROM kept").fetchall() == [("before",)]
        with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
            connect()
        running.kill()
    # A crash, this time.
    with started(pod), connect(password="rotated") as client:
        assert client.execute("SELECT word FROM kept").fetchall() == [("before",)]


@pytest.mark.slow
def test_a_rotated_password_is_set_while_postgresql_runs(pod: Pod, connect: Any):
    """The former one is accepted until the delay is over: files of other pods change later."""
    rotated = PASSWORD[::-1]
    (delay,) = [e for e in pod.container("postgres")["env"] if e["name"] == "ROTATION_DELAY"]
    assert int(delay["value"]) >= 90, "a kubelet may take 90 seconds"
    delay["value"] = "3"
    with started(pod) as running, connect() as client:
        pod.secrets["mcp-server-secrets"]["database-password"] = rotated + "\n"
        pod.update_secrets()
        with connect():
            pass
        until(lambda: f"the rotated password of {USER} is set" in running.log, within_seconds=30)
        with connect(password=rotated):
            pass
        with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
            connect()
        assert client.execute("SELECT 1").fetchone() == (1,), "open connections stay"
        assert not any("quoted" in line for line in running.command_lines())
        assert "quoted" not in running.log
        assert rotated not in running.log
        running.terminate()
        assert running.exit_status() == 0


@pytest.mark.slow
def test_a_first_start_that_is_cut_short_is_made_again(pod: Pod, connect: Any):
    with run_container(pod, "postgres") as running:
        until_it_says(running, "running bootstrap script")
        running.terminate()
        assert running.exit_status(30) == 143
    assert "ready to accept" not in running.log
    with run_container(pod, "postgres") as running:
        until_it_says(running, "syncing data to disk")
        running.kill()
    assert not (pod.volume("data") / "cluster").exists()
    with started(pod), connect() as client:
        assert client.execute("SELECT 1").fetchone() == (1,)


def until_it_says(running: RunningContainer, word: str) -> None:
    until(lambda: word in running.log, within_seconds=30)
