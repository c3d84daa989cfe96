"""Sessions in a real Valkey or Redis with TLS and a password: shared, bounded, and not lost."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import time
from collections.abc import AsyncGenerator, Generator
from pathlib import Path
from typing import Any

import anyio
import httpx2
import pytest

from runtime.redis_config import RedisSection
from runtime.state import Session
from runtime.state_config import StateSection
from runtime.stores import stores_of, valkey
from runtime.stores.valkey import CANCELLATION_SECONDS, GRACE_SECONDS, ValkeySessions
from runtime.valkey_client import client
from tests.harness.certificates import Authority
from tests.harness.server import RunningServer, eventually, initialize_request, serving, until
from tests.harness.tokens import Issuer
from tests.harness.valkey import PASSWORD, Valkey, running

LASTING = 3600


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority.at(tmp_path_factory.mktemp("authority"))


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory, authority: Authority) -> Generator[Valkey]:
    with running(tmp_path_factory.mktemp("valkey"), authority) as server:
        yield server


@pytest.fixture
def server(shared: Valkey) -> Valkey:
    """The running server without keys and with its first settings."""
    shared.password_file.write_text(PASSWORD)
    shared.ask("FLUSHALL")
    return shared


@pytest.fixture(autouse=True)
def patience(monkeypatch: pytest.MonkeyPatch) -> None:
    """A loaded machine may be slow; one test is about the limit, and sets its own."""
    monkeypatch.setattr(valkey, "WITHIN_SECONDS", 30)


@pytest.fixture
async def store(server: Valkey) -> AsyncGenerator[ValkeySessions]:
    async with opened(server) as store:
        yield store


@contextlib.asynccontextmanager
async def opened(
    server: Valkey, prefix: str = "mcp:", **changed: Any
) -> AsyncGenerator[ValkeySessions]:
    redis = RedisSection.model_validate(server.section() | changed)
    store = ValkeySessions(redis, prefix)
    yield store
    await store.client.connection_pool.aclose()


def session(name: str = "s-1", user: str = "ada", lasting: int = LASTING) -> Session:
    return Session(
        session_id=name,
        user_id=user,
        protocol_version="2025-11-25",
        expires_at=int(time.time()) + lasting,
    )


async def test_users_who_open_sessions_at_several_instances_at_once_stay_in_their_quota(
    server: Valkey,
):
    async with opened(server) as one, opened(server) as other:
        tries = [
            instance.open(session(f"s-{number}-{instance is one}"), 10)
            for number in range(20)
            for instance in (one, other)
        ]
        assert sum(await asyncio.gather(*tries)) == 10
    assert server.ask("ZCARD", "mcp:user:ada") == 10


async def test_opening_a_session_twice_takes_one_place(store: ValkeySessions):
    """A command whose answer was lost is sent again."""
    assert await store.open(session(), 1)
    assert await store.open(session(), 1)


async def test_the_server_deletes_what_has_expired(store: ValkeySessions, server: Valkey):
    await store.open(session(lasting=100), 5)
    await store.open(session("s-2", lasting=50), 5)
    await store.cancel("s-1", "7")
    lives = {key: server.ask("TTL", f"mcp:{key}") for key in server_keys(server)}
    close_to = {
        "session:s-1": 100 + GRACE_SECONDS,
        "session:s-2": 50 + GRACE_SECONDS,
        "user:ada": 100 + GRACE_SECONDS,
        "cancelled:s-1": CANCELLATION_SECONDS,
    }
    assert lives == {key: pytest.approx(seconds, abs=5) for key, seconds in close_to.items()}
    await store.renew(session(lasting=1000))
    renewed = [server.ask("TTL", f"mcp:{key}") for key in ("session:s-1", "user:ada")]
    assert renewed == pytest.approx([1000 + GRACE_SECONDS] * 2, abs=5)


def server_keys(server: Valkey) -> set[str]:
    return {key.removeprefix("mcp:") for key in server.ask("KEYS", "mcp:*")}


async def test_a_users_expired_sessions_are_deleted_when_another_is_opened(
    store: ValkeySessions, server: Valkey
):
    await store.open(session(lasting=10), 5)
    store.now = lambda: time.time() + 20
    await store.open(session("s-2"), 5)
    assert server.ask("ZRANGE", "mcp:user:ada", "0", "-1") == ["s-2"]


async def test_a_closed_session_leaves_no_key(store: ValkeySessions, server: Valkey):
    await store.open(session(), 5)
    await store.cancel("s-1", "7")
    await store.close("s-1")
    assert server.ask("KEYS", "*") == []


async def test_a_session_has_no_more_cancellations_than_the_limit(
    store: ValkeySessions, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(valkey, "MOST_CANCELLATIONS", 3)
    await store.open(session(), 5)
    for number in range(5):
        store.now = lambda at=number: time.time() + at
        await store.cancel("s-1", str(number))
    assert await store.cancelled("s-1") == {"2", "3", "4"}


async def test_servers_with_different_prefixes_share_no_session(server: Valkey):
    async with opened(server, "core:") as core, opened(server, "state:") as state:
        await core.open(session(), 1)
        assert await state.find("s-1") is None
        assert await state.open(session("s-2"), 1), "nor do they count each other's"


async def test_a_store_opens_no_more_connections_than_configured(server: Valkey):
    async with opened(server, max_connections=3) as store:
        await asyncio.gather(*(store.open(session(f"s-{n}"), 100) for n in range(50)))
        assert len(server.ask("CLIENT", "LIST").splitlines()) <= 3 + 1, "and the one that asks"
        assert len(server_keys(server)) == 50 + 1


async def test_an_operation_that_is_cancelled_gives_its_connection_back(server: Valkey):
    async with opened(server, max_connections=1) as store:
        for _ in range(20):
            with anyio.move_on_after(0.0005):
                await store.open(session(), 5)
        await store.open(session("s-2"), 5)
        found = await store.find("s-2")
        assert found is not None
        assert found.session_id == "s-2"


async def test_an_operation_ends_at_its_time_limit_if_valkey_does_not_answer(
    server: Valkey, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(valkey, "WITHIN_SECONDS", 0.3)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        async with opened(server, port=silent.getsockname()[1]) as store:
            began = time.monotonic()
            with pytest.raises(TimeoutError):
                await store.find("s-1")
            assert time.monotonic() - began < 1.5


async def test_a_broken_connection_is_replaced_at_once(store: ValkeySessions, server: Valkey):
    await store.open(session(), 5)
    server.ask("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes")
    assert await store.find("s-1") is not None


async def test_a_new_password_is_used_for_the_next_connection(
    store: ValkeySessions, server: Valkey
):
    await store.open(session(), 5)
    server.ask("CONFIG", "SET", "requirepass", "rotated")
    server.password_file.write_text("rotated\n")
    try:
        server.ask("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes")
        assert await store.find("s-1") is not None
    finally:
        server.ask("CONFIG", "SET", "requirepass", PASSWORD)


async def test_a_user_logs_in_with_the_first_line_of_the_password_file(server: Valkey):
    rules = ("on", ">its own", "~mcp:*", "+hgetall")
    assert server.ask("ACL", "SETUSER", "ada", *rules)
    server.password_file.write_text("its own\nanother during a rotation\n")
    try:
        async with opened(server, user="ada") as store:
            assert await store.find("s-1") is None
            with pytest.raises(Exception, match="no permissions"):
                await store.client.get("mcp:x")
    finally:
        server.password_file.write_text(PASSWORD)
        server.ask("ACL", "DELUSER", "ada")


async def test_a_store_recovers_when_its_password_file_is_restored(
    store: ValkeySessions, server: Valkey
):
    server.password_file.unlink()
    for _ in range(2):
        with pytest.raises(Exception, match="No such file"):
            await store.find("s-1")
    server.password_file.write_text(PASSWORD)
    assert await store.open(session(), 5)


async def test_a_wrong_password_is_refused(store: ValkeySessions, server: Valkey):
    server.password_file.write_text("wrong")
    with pytest.raises(Exception, match="invalid username-password pair"):
        await store.find("s-1")


async def test_a_certificate_of_another_authority_is_refused(server: Valkey, tmp_path: Path):
    other = Authority.at(tmp_path)
    async with opened(server, ca_file=str(other.ca_file)) as store:
        with pytest.raises(Exception, match="certificate verify failed"):
            await store.find("s-1")


async def test_a_certificate_for_another_name_is_refused(server: Valkey):
    async with opened(server, host="127.0.0.2") as store:
        with pytest.raises(Exception, match=r"not valid for '127\.0\.0\.2'"):
            await store.find("s-1")


def test_only_the_configured_authority_is_trusted(authority: Authority):
    redis = RedisSection(host="h", ca_file=authority.ca_file)
    connection = client(redis).connection_pool.make_connection()
    (trusted,) = connection._connection_arguments()["ssl"].get_ca_certs()
    assert trusted["subject"] == ((("commonName", "test authority"),),)


async def test_a_full_server_refuses_new_sessions_and_keeps_the_old(
    store: ValkeySessions, server: Valkey
):
    await store.open(session(), 5)
    server.ask("CONFIG", "SET", "maxmemory", "1")
    try:
        with pytest.raises(Exception, match="maxmemory"):
            await store.open(session("s-2"), 5)
        assert await store.find("s-1") is not None
        await store.close("s-1")
        assert await store.find("s-1") is None
    finally:
        server.ask("CONFIG", "SET", "maxmemory", "0")


def test_no_library_is_loaded_before_the_first_call_that_needs_it():
    store = stores_of(StateSection(kind="valkey"), RedisSection(host="h")).sessions
    assert "client" not in vars(store)


@contextlib.contextmanager
def instance(directory: Path, issuer: Issuer, server: Valkey) -> Generator[RunningServer]:
    state = {"kind": "valkey", "key_prefix": "mcp:"}
    with serving(directory, issuer, redis=server.section(), state=state) as process:
        yield process


def echo(server: RunningServer, name: str) -> httpx2.Response:
    params = {"name": "echo", "arguments": {"text": "hi"}}
    body = {"jsonrpc": "2.0", "id": 8, "method": "tools/call", "params": params}
    return server.post(body, mcp_session_id=name)


@pytest.mark.slow
def test_sessions_outlive_every_process_that_served_them(
    tmp_path: Path, issuer: Issuer, server: Valkey
):
    with contextlib.ExitStack() as first, contextlib.ExitStack() as second:
        one = first.enter_context(instance(tmp_path, issuer, server))
        two = second.enter_context(instance(tmp_path, issuer, server))
        name = one.post(initialize_request()).headers["mcp-session-id"]
        assert [echo(each, name).status_code for each in (one, two, one)] == [200, 200, 200]
        one.program.kill()
        assert echo(two, name).status_code == 200
        third = first.enter_context(instance(tmp_path, issuer, server))
        second.close()
        assert echo(third, name).status_code == 200
        assert third.post(b"", mcp_session_id="unknown").status_code == 404
        logs = [each.log_file.read_text() for each in (one, two, third)]
        assert not any(name in log for log in logs), "a session's id is in no log"


def test_a_server_answers_503_until_its_valkey_is_there_again(
    tmp_path: Path, issuer: Issuer, authority: Authority
):
    with contextlib.ExitStack() as stack:
        server = stack.enter_context(running(tmp_path / "valkey", authority))
        process = stack.enter_context(instance(tmp_path, issuer, server))
        name = process.post(initialize_request()).headers["mcp-session-id"]
        server.stop()
        for answer in (echo(process, name), process.post(initialize_request())):
            assert (answer.status_code, answer.headers["retry-after"]) == (503, "2")
        assert process.post_modern("tools/list").status_code == 200
        server.start()
        until(lambda: echo(process, name).status_code == 200)


@pytest.mark.slow
async def test_a_call_is_cancelled_at_the_instance_that_runs_it(
    tmp_path: Path, issuer: Issuer, server: Valkey
):
    with instance(tmp_path, issuer, server) as one, instance(tmp_path, issuer, server) as two:
        name = one.post(initialize_request()).headers["mcp-session-id"]
        params = {"name": "wait", "arguments": {"seconds": 4}}
        body = {"jsonrpc": "2.0", "id": 8, "method": "tools/call", "params": params}
        call = asyncio.create_task(asyncio.to_thread(one.post, body, mcp_session_id=name))
        await eventually(lambda: one.metric("mcp_calls_in_flight") == 1)
        cancelled = {"jsonrpc": "2.0", "method": "notifications/cancelled"}
        said = two.post(cancelled | {"params": {"requestId": 8}}, mcp_session_id=name)
        assert said.status_code == 202
        assert "Request cancelled" in (await call).text
