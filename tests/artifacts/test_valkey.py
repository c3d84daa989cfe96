"""Valkey, or a Redis with the same settings, runs with its rendered start script."""

from __future__ import annotations

import contextlib
import socket
import ssl
from collections.abc import Generator
from pathlib import Path
from typing import Any

import pytest

from components.kubernetes.embedded_data import EmbeddedDataTier, EmbeddedDataTierArgs
from components.mcp.data_tier import CacheProfile
from tests.harness import programs, record
from tests.harness.certificates import Authority
from tests.harness.containers import RunningContainer
from tests.harness.network import port, private_network
from tests.harness.pods import Pod
from tests.harness.running_pod import run_container
from tests.harness.server import until
from tests.harness.stacks import stack

PASSWORD = r"""it's "quoted" \n \x41 $HOME `id` #ü%s"""


def secrets(authority: Authority) -> dict[str, dict[str, str]]:
    certificate, key = authority.issue("valkey", ["redis-service"])
    tls = {"tls.crt": certificate.read_text(), "tls.key": key.read_text()}
    passwords = {"redis-password": PASSWORD + "\n"}
    return {"mcp-server-secrets": passwords, "mcp-internal-tls-redis": tls}


@contextlib.contextmanager
def started(pod: Pod) -> Generator[RunningContainer]:
    with private_network(), run_container(pod, "valkey") as running:
        until(lambda: "Ready to accept connections" in running.log)
        yield running


@pytest.fixture
def sessions(tmp_path: Path, authority: Authority) -> Pod:
    programs.required("valkey-server", "redis-server")
    return Pod.recorded(stack("dev"), "redis", tmp_path, secrets(authority))


@pytest.fixture
def cache(tmp_path: Path, authority: Authority) -> Pod:
    programs.required("valkey-server", "redis-server")
    args = EmbeddedDataTierArgs(
        namespace="any",
        postgres_image="example.com/postgres:17",
        valkey_image="example.com/valkey:8",
        passwords_secret="mcp-server-secrets",
        postgres_tls_secret="mcp-internal-tls-postgres",
        valkey_tls_secret="mcp-internal-tls-redis",
        cache_memory="64mb",
        cache_profile=CacheProfile.CACHE,
    )
    graph = record(lambda: EmbeddedDataTier("data", args))
    return Pod.recorded(graph, "redis", tmp_path, secrets(authority))


class Refused(Exception):
    """The server answered with an error."""


class Client:
    """Speaks RESP 2, as much of it as these tests need."""

    def __init__(self, connection: socket.socket) -> None:
        self.connection = connection
        self.answers = connection.makefile("rb")

    def ask(self, *words: str) -> Any:
        """Send a command; its answer."""
        parts = [f"${len(w.encode())}\r\n{w}\r\n" for w in words]
        self.connection.sendall(f"*{len(words)}\r\n{''.join(parts)}".encode())
        return self._answer()

    def _answer(self) -> Any:
        line = self.answers.readline().decode().rstrip("\r\n")
        match line[:1]:
            case "-":
                raise Refused(line[1:])
            case "$":
                size = int(line[1:])
                return None if size < 0 else self.answers.read(size + 2)[:-2].decode()
            case "*":
                return [self._answer() for _ in range(int(line[1:]))]
            case "":
                raise ConnectionError("hung up")
            case _:
                return line[1:]


@pytest.fixture
def connect(authority: Authority) -> Any:
    """Connects as the platform's servers do, with the given password."""

    def connect(password: str | None = PASSWORD) -> Client:
        plain = socket.create_connection(("127.0.0.1", port(6379)), timeout=5)
        name = "redis-service"
        client = Client(authority.trust().wrap_socket(plain, server_hostname=name))
        if password is not None:
            client.ask("AUTH", password)
        return client

    return connect


def settings(client: Client, *names: str) -> list[str]:
    return [client.ask("CONFIG", "GET", name)[1] for name in names]


def test_sessions_are_persisted_and_never_evicted(sessions: Pod, connect: Any):
    with started(sessions):
        names = ("appendonly", "appendfsync", "maxmemory-policy", "maxmemory")
        found = settings(connect(), *names)
    assert found == ["yes", "everysec", "noeviction", str(256 * 1024**2)]


def test_a_cache_keeps_nothing_and_evicts_what_is_used_least(cache: Pod, connect: Any):
    with started(cache) as running:
        client = connect()
        found = settings(client, "appendonly", "save", "maxmemory-policy", "maxmemory")
        assert found == ["no", "", "allkeys-lru", str(64 * 1024**2)]
        client.ask("SET", "word", "gone")
        running.terminate()
        assert running.exit_status() == 0
    with started(cache):
        assert connect().ask("GET", "word") is None


def test_sessions_outlive_a_crash(sessions: Pod, connect: Any):
    with started(sessions) as running:
        connect().ask("SET", "word", "kept")
        running.kill()
    with started(sessions):
        assert connect().ask("GET", "word") == "kept"


def test_a_stop_is_clean_with_clients_connected(sessions: Pod, connect: Any):
    with started(sessions) as running:
        connect().ask("SET", "word", "kept")
        running.terminate()
        assert running.exit_status(within_seconds=10) == 0
    with started(sessions):
        assert connect().ask("GET", "word") == "kept"


def test_a_password_is_required_and_a_rotated_one_is_taken_up_by_a_restart(
    sessions: Pod, connect: Any
):
    with started(sessions):
        with pytest.raises(Refused, match="NOAUTH"):
            connect(password=None).ask("PING")
        with pytest.raises(Refused, match="WRONGPASS"):
            connect(password="wrong")
        assert connect().ask("PING") == "PONG"
    sessions.secrets["mcp-server-secrets"]["redis-password"] = "rotated"
    with started(sessions):
        assert connect(password="rotated").ask("PING") == "PONG"
        with pytest.raises(Refused, match="WRONGPASS"):
            connect()


def test_nothing_but_tls_1_3_is_answered(sessions: Pod, authority: Authority):
    old = authority.trust()
    old.maximum_version = ssl.TLSVersion.TLSv1_2
    with started(sessions):
        with pytest.raises(ConnectionError):
            Client(socket.create_connection(("127.0.0.1", port(6379)), timeout=5)).ask("PING")
        plain = socket.create_connection(("127.0.0.1", port(6379)), timeout=5)
        with pytest.raises(ssl.SSLError, match="alert protocol version"):
            old.wrap_socket(plain, server_hostname="redis-service")


def test_the_password_is_on_no_command_line_and_readable_by_its_user_alone(sessions: Pod):
    with started(sessions) as running:
        assert not any("quoted" in line for line in [*running.command_lines(), running.log])
        assert running.run("stat", "-c", "%a", "/tmp/password.conf").stdout == "600\n"
