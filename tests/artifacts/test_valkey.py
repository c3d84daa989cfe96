"""Valkey, or a Redis with the same settings, runs with its rendered start script."""

from __future__ import annotations

import contextlib
import socket
import ssl
from collections.abc import Callable, Generator
from pathlib import Path
from typing import Any

import pytest

from components.kubernetes.embedded_data import EmbeddedDataTier
from components.kubernetes.resources import Resources
from components.kubernetes.valkey_args import ValkeySettings
from components.mcp.data_tier import CacheProfile
from tests.harness import programs, record
from tests.harness.certificates import Authority
from tests.harness.containers import RunningContainer
from tests.harness.minimal_args import data_tier
from tests.harness.network import port, private_network
from tests.harness.pods import Pod
from tests.harness.running_pod import run_container
from tests.harness.server import until
from tests.harness.stacks import stack

PASSWORD = r"""it's "quoted" \n \x41 $HOME `id` #ü%s"""


def secrets(authority: Authority) -> dict[str, dict[str, str]]:
    certificate, key = authority.issue("valkey", ["redis-service"])
    tls = {"tls.crt": certificate.read_text(), "tls.key": key.read_text()}
    return {
        "mcp-server-secrets": {"redis-password": PASSWORD + "\n"},
        "mcp-internal-tls-redis": tls,
        "mcp-valkey-mcp-server": {"password": PASSWORD + "\n"},
        "mcp-valkey-idle": {"password": "an idle one"},
        "mcp-valkey-weather": {"password": "that of the weather"},
    }


@contextlib.contextmanager
def started(pod: Pod) -> Generator[RunningContainer]:
    with private_network(), run_container(pod, "valkey") as running:
        until(lambda: "Ready to accept connections" in running.log)
        yield running


@pytest.fixture
def valkey(tmp_path: Path, authority: Authority) -> Callable[..., Pod]:
    """The pod of a data tier with the given settings."""
    programs.required("valkey-server", "redis-server")

    def recorded(profile: CacheProfile = CacheProfile.SESSIONS, **settings: Any) -> Pod:
        args = data_tier(valkey=ValkeySettings(**settings), cache_profile=profile)
        graph = record(lambda: EmbeddedDataTier("data", args))
        return Pod.recorded(graph, "redis", tmp_path, secrets(authority))

    return recorded


@pytest.fixture
def sessions(tmp_path: Path, authority: Authority) -> Pod:
    """The pod of the stack dev, whose only user is the server."""
    programs.required("valkey-server", "redis-server")
    return Pod.recorded(stack("dev"), "redis", tmp_path, secrets(authority))


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

    def connect(password: str | None = PASSWORD, user: str = "default") -> Client:
        plain = socket.create_connection(("127.0.0.1", port(6379)), timeout=5)
        name = "redis-service"
        client = Client(authority.trust().wrap_socket(plain, server_hostname=name))
        if password is not None:
            client.ask("AUTH", user, password)
        return client

    return connect


def settings(client: Client, *names: str) -> list[str]:
    return [client.ask("CONFIG", "GET", name)[1] for name in names]


SETTINGS = (
    *("appendonly", "appendfsync", "save", "maxmemory-policy", "maxmemory"),
    *("tcp-keepalive", "timeout"),
)
SERVER = "mcp-server"


@pytest.mark.parametrize(
    ("profile", "given", "expected"),
    [
        pytest.param(
            CacheProfile.SESSIONS,
            {},
            ["yes", "everysec", None, "noeviction", 256 * 1024**2, 60, 300],
            marks=pytest.mark.slow,
        ),
        (
            CacheProfile.SESSIONS,  # of the SSE document
            {"memory": "512mb"},
            ["yes", "everysec", None, "noeviction", 512 * 1024**2, 60, 300],
        ),
        (
            CacheProfile.CACHE,  # of the orchestration document
            {"memory": "2gb", "resources": Resources(memory="1Gi", memory_limit="2560Mi")},
            ["no", "everysec", "", "allkeys-lru", 2 * 1024**3, 60, 300],
        ),
        pytest.param(
            CacheProfile.CACHE,
            {"memory": "64mb", "keepalive": 7, "timeout": 0},
            ["no", "everysec", "", "allkeys-lru", 64 * 1024**2, 7, 0],
            marks=pytest.mark.slow,
        ),
    ],
)
def test_each_profile_has_its_persistence_eviction_memory_and_times(
    valkey: Callable[..., Pod],
    connect: Any,
    profile: CacheProfile,
    given: dict[str, Any],
    expected: list[Any],
):
    with started(valkey(profile, **given)):
        client = connect()
        found = [client.ask("CONFIG", "GET", name)[1] for name in SETTINGS]
    pairs = zip(found, expected, strict=True)
    assert [(had, wanted) for had, wanted in pairs if wanted not in (None, had, int_of(had))] == []


def int_of(text: str) -> int | None:
    return int(text) if text.isdigit() else None


@pytest.mark.slow
def test_a_full_cache_evicts_and_a_full_store_of_sessions_refuses(
    valkey: Callable[..., Pod], connect: Any
):
    def fill(client: Client) -> int:
        for number in range(30):
            client.ask("SET", f"key-{number}", "x" * 100_000)
        return client.ask("DBSIZE")

    with started(valkey(CacheProfile.CACHE, memory="2mb")):
        assert int(fill(connect())) < 30
    with started(valkey(memory="2mb")), pytest.raises(Refused, match="OOM"):
        fill(connect())


def test_a_cache_keeps_nothing(valkey: Callable[..., Pod], connect: Any):
    cache = valkey(CacheProfile.CACHE)
    with started(cache) as running:
        connect().ask("SET", "word", "gone")
        running.terminate()
        assert running.exit_status() == 0
    with started(cache):
        assert connect().ask("GET", "word") is None


def hash_of_a_session(client: Client) -> Any:
    return client.ask("HGETALL", f"{SERVER}:session:1")


def test_sessions_outlive_a_crash(sessions: Pod, connect: Any):
    with started(sessions) as running:
        connect(user=SERVER).ask("HSET", f"{SERVER}:session:1", "user_id", "ada")
        running.kill()
    with started(sessions):
        assert hash_of_a_session(connect(user=SERVER)) == ["user_id", "ada"]


def test_a_stop_is_clean_with_clients_connected(sessions: Pod, connect: Any):
    with started(sessions) as running:
        connect(user=SERVER).ask("HSET", f"{SERVER}:session:1", "user_id", "ada")
        running.terminate()
        assert running.exit_status(within_seconds=10) == 0
    with started(sessions):
        assert hash_of_a_session(connect(user=SERVER)) == ["user_id", "ada"]


def test_without_users_the_user_default_needs_the_shared_password(
    valkey: Callable[..., Pod], connect: Any
):
    with started(valkey()):
        with pytest.raises(Refused, match="NOAUTH"):
            connect(password=None).ask("PING")
        with pytest.raises(Refused, match="WRONGPASS"):
            connect(password="wrong")
        assert connect().ask("PING") == "PONG"


@pytest.mark.slow
def test_a_rotated_password_is_taken_up_without_a_restart_and_both_are_accepted_meanwhile(
    sessions: Pod, connect: Any
):
    file = sessions.volume("valkey-etc-valkey-users-mcp-server") / "password"

    def rotated(text: str, running: RunningContainer) -> None:
        before = running.log.count("Users loaded again")
        file.write_text(text)
        until(lambda: running.log.count("Users loaded again") > before, within_seconds=30)

    with started(sessions) as running:
        file.write_text(PASSWORD)
        early = connect(user=SERVER)
        assert early.ask("PING") == "PONG"
        rotated(f"{PASSWORD}\nnew\n", running)
        assert [connect(p, SERVER).ask("PING") for p in (PASSWORD, "new")] == ["PONG", "PONG"]
        rotated("new\n", running)
        assert connect("new", SERVER).ask("PING") == "PONG"
        with pytest.raises(Refused, match="WRONGPASS"):
            connect(PASSWORD, SERVER)
        file.unlink()  # a Secret that is replaced badly locks nobody out
        assert running.run("sleep", "6").returncode == 0
        assert connect("new", SERVER).ask("PING") == "PONG"


def test_nothing_but_tls_1_3_is_answered(sessions: Pod, authority: Authority):
    old = authority.trust()
    old.maximum_version = ssl.TLSVersion.TLSv1_2
    with started(sessions):
        with pytest.raises(ConnectionError):
            Client(socket.create_connection(("127.0.0.1", port(6379)), timeout=5)).ask("PING")
        plain = socket.create_connection(("127.0.0.1", port(6379)), timeout=5)
        with pytest.raises(ssl.SSLError, match="alert protocol version"):
            old.wrap_socket(plain, server_hostname="redis-service")


def test_passwords_are_on_no_command_line_and_in_no_file_that_others_can_read(sessions: Pod):
    with started(sessions) as running:
        assert not any("quoted" in line for line in [*running.command_lines(), running.log])
        files = running.run("stat", "-c", "%a", "/tmp/users.acl", "/tmp/users.loaded")
        assert files.stdout == "600\n600\n"
        assert "quoted" not in running.run("cat", "/tmp/users.acl").stdout
