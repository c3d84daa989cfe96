"""Three pods of Valkey and a server with the files of a stack: losses, restarts, a partition."""

from __future__ import annotations

import json
import operator
import ssl
import time
from collections.abc import Generator
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from secrets import token_urlsafe
from typing import Any, Final

import httpx2
import pytest
from valkey.exceptions import ValkeyError

from stacks.topologies import TOPOLOGIES
from tests.artifacts.test_valkey_users import commands
from tests.harness.canaries import Canary, leaks
from tests.harness.certificates import Authority
from tests.harness.network import private_network
from tests.harness.pods import Pod
from tests.harness.running_pod import run_container
from tests.harness.server import initialize_request, until
from tests.harness.tokens import Issuer
from tests.harness.topologies import recorded
from tests.harness.valkey_replicas import PASSWORDS, SENTINEL, VALKEY, Replicas

pytestmark = pytest.mark.slow

SERVER: Final = "https://127.0.0.1:8443"
KEY: Final = "mcp-server:session:1"
ORDERS: Final = ((2, 1, 0), (0, 2, 1))
PROGRAMS: Final = (VALKEY, SENTINEL)
RECOVERED: Final = 60
"""Seconds; without load it takes 8, of which Sentinels wait 5 before they vote."""

AT_A_SENTINEL: Final = {
    "sentinel": """
SENTINEL SET primary quorum 1; SENTINEL FAILOVER primary; SENTINEL REMOVE primary
SENTINEL RESET *; SENTINEL MONITOR x 127.0.0.1 1 1; SENTINEL CONFIG GET *; SHUTDOWN; ACL LIST
""",
    "replication": """
SENTINEL MASTERS; SENTINEL SENTINELS primary; SENTINEL SET primary quorum 1; PING; INFO
SENTINEL REMOVE primary; SENTINEL RESET *; PUBLISH x y
""",
    "mcp-server": """
SENTINEL MASTER primary; SENTINEL SET primary quorum 1; SENTINEL FAILOVER primary; INFO; ROLE
PUBLISH __sentinel__:hello x; SUBSCRIBE __sentinel__:hello
""",
}
AT_A_VALKEY: Final = {
    "replication": "GET a:1; INFO; ROLE; CONFIG GET *; REPLICAOF no one; ACL LIST; SHUTDOWN",
    "sentinel": """
GET a:1; SET a:1 x; CONFIG GET *; CONFIG SET maxmemory 1; SHUTDOWN; FLUSHALL; KEYS *
PSYNC ? -1; ACL LIST; PUBLISH other x; EVAL return(1) 0
""",
}


@dataclass
class Caller:
    """Calls a tool again and again in one session of the legacy era.

    Attributes:
        failed: status of each call that was not answered with 200.
        gap: longest time between two answers of 200, in seconds.
    """

    token: str
    verify: ssl.SSLContext
    session: str = ""
    calls: int = 0
    failed: list[int] = field(default_factory=list[int])
    gap: float = 0
    last: float = 0

    def post(self, body: Any, **headers: str) -> httpx2.Response:
        sent = {
            "accept": "application/json, text/event-stream",
            "content-type": "application/json",
            "authorization": f"Bearer {self.token}",
            **headers,
        }
        content = json.dumps(body).encode()
        url = f"{SERVER}/mcp"
        return httpx2.post(url, content=content, headers=sent, verify=self.verify, timeout=30)

    def open(self) -> None:
        answer = self.post(initialize_request())
        assert answer.status_code == 200, answer.text
        self.session = answer.headers["mcp-session-id"]
        self.last = time.monotonic()

    def begin(self) -> None:
        """Count from here on, once a call has been answered."""
        until(self.call, within_seconds=RECOVERED)
        self.calls, self.failed, self.gap = 0, [], 0

    def call(self) -> bool:
        """Call the tool; whether it was answered."""
        params = {"name": "echo", "arguments": {"text": "hi"}}
        body = {"jsonrpc": "2.0", "id": 8, "method": "tools/call", "params": params}
        answer = self.post(body, **{"mcp-session-id": self.session})
        self.calls += 1
        if answer.status_code != 200:
            self.failed.append(answer.status_code)
            return False
        self.gap = max(self.gap, time.monotonic() - self.last)
        self.last = time.monotonic()
        return True


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory, authority: Authority) -> Generator[Replicas]:
    """The pods of one stack, which a test may kill."""
    graph = recorded(TOPOLOGIES["boilerplate"], {"data": {"valkey": {"replicas": 3}}})
    with private_network():
        found = Replicas(tmp_path_factory.mktemp("replicas"), authority, graph)
        try:
            found.start_all()
            yield found
        finally:
            found.close()


@pytest.fixture
def replicas(running: Replicas) -> Replicas:
    """The same with all pods."""
    running.start_absent()
    running.primary(followers=2)
    return running


@pytest.fixture(scope="module")
def caller(
    running: Replicas,
    tmp_path_factory: pytest.TempPathFactory,
    authority: Authority,
    issuer: Issuer,
) -> Generator[Caller]:
    """A client of a running server, which has a session."""
    secrets = running.pods[0].secrets | {
        "mcp-issuer-keys": {"jwks.json": issuer.jwks_file.read_text()},
        "mcp-server-secrets": {"database-password": "unused"},
    }
    for required in running.outputs["required_secrets"]:
        if required["name"] == "mcp-internal-tls-mcp-server":
            certificate, key = authority.issue("server", required["dns_names"])
            tls = {"tls.crt": certificate.read_text(), "tls.key": key.read_text()}
            secrets[required["name"]] = tls
        if required["kind"] == "master-keys":
            secrets[required["name"]] = {key: token_urlsafe(32) for key in required["keys"]}
    assert running.graph is not None
    directory = tmp_path_factory.mktemp("server")
    pod = Pod.recorded(running.graph, "mcp-server", directory, secrets)
    pod.addresses = running.addresses
    token = issuer.token(iss=running.outputs["issuer"], aud=f"{SERVER}/mcp")
    with run_container(pod, "mcp-server"):
        caller = Caller(token, authority.trust())
        caller.verify.check_hostname = False  # it connects as the gateway does, by another name
        until(is_open, within_seconds=30)
        caller.open()
        yield caller


def is_open() -> bool:
    try:
        return httpx2.get("http://127.0.0.1:8080/ready").status_code == 200
    except httpx2.TransportError:
        return False


def test_a_session_goes_on_after_the_primary_is_killed(replicas: Replicas, caller: Caller):
    (primary,) = replicas.primaries()
    replicas.ask(primary, "HSET", KEY, "user_id", "ada")
    caller.begin()
    killed = time.monotonic()
    replicas.kill(primary)
    while time.monotonic() < killed + RECOVERED and (
        not caller.call() or time.monotonic() < killed + 1
    ):
        time.sleep(0.2)
    for _ in range(10):
        assert caller.call(), "no call fails after the first that was answered"
    print(
        f"failover: {len(caller.failed)} of {caller.calls} calls failed,"
        f" {caller.gap:.1f} s without an answer"
    )
    assert set(caller.failed) <= {503}, "the session was never said to be unknown"
    assert caller.gap < RECOVERED

    new = replicas.primary(followers=1)
    assert new != primary
    replicas.start(primary)
    assert replicas.primary(followers=2) == new
    until(lambda: replicas.ask(primary, "HGETALL", KEY) == {"user_id": "ada"})
    assert f"The primary is redis-{new}." in replicas.log(primary)


def test_a_primary_that_is_stopped_hands_over_first(replicas: Replicas, caller: Caller):
    (old,) = replicas.primaries()
    others = [number for number in range(3) if number != old]
    caller.begin()
    stopped = replicas.terminate(old)
    while stopped.process.poll() is None:
        caller.call()
        time.sleep(0.2)
    assert stopped.exit_status() == 0, stopped.log
    assert any(replicas.role(number) == "master" for number in others)
    assert "Handed over to redis-" in stopped.log
    until(caller.call, within_seconds=RECOVERED)
    print(
        f"stop: {len(caller.failed)} of {caller.calls} calls failed,"
        f" {caller.gap:.1f} s without an answer"
    )
    assert set(caller.failed) <= {503}


def test_all_pods_restart_in_any_order_with_the_last_primary_and_its_data(replicas: Replicas):
    (primary,) = replicas.primaries()
    replicas.ask(primary, "HSET", KEY, "user_id", "bob")
    for order in ORDERS:
        for number in range(3):
            replicas.kill(number)
        for number in order:
            replicas.start(number)
        assert replicas.primary(followers=2) == primary, order
        assert replicas.ask(primary, "HGETALL", KEY) == {"user_id": "bob"}, order


def test_a_primary_that_comes_back_after_a_failover_accepts_no_write(replicas: Replicas):
    (old,) = replicas.primaries()
    others = [number for number in range(3) if number != old]
    replicas.pause(old)
    # Before, the other replica still follows it, and what it accepts is lost.
    until(lambda: any(replicas.followers(number) == 1 for number in others), RECOVERED)
    replicas.resume(old)
    accepted = 0
    while replicas.role(old) != "slave":
        try:
            replicas.ask(old, "HSET", KEY, "user_id", "lost")
            accepted += 1
        except (ValkeyError, OSError):
            pass
    assert accepted == 0
    assert replicas.primary(followers=2) in others


def test_each_user_runs_its_own_commands_alone_and_over_tls(replicas: Replicas):
    passed: list[str] = []
    for place, table in ((SENTINEL, AT_A_SENTINEL), (VALKEY, AT_A_VALKEY)):
        for user, text in table.items():
            for command in commands(text):
                try:
                    passed.append(f"{place} {user} {command}: ")
                    passed[-1] += str(replicas.ask(0, *command, user=user, of=place))
                except ValkeyError as error:
                    if "no permissions" in str(error):
                        passed.pop()
                    else:
                        passed[-1] += str(error)
    assert passed == []
    with pytest.raises(ValkeyError, match="Authentication required"):
        replicas.ask(0, "PING", user="", of=SENTINEL)
    for number in range(3):
        replicas.trusted(number)
        assert replicas.refuses_clear_text(number)


def test_no_log_and_no_command_line_has_a_password(replicas: Replicas):
    secrets = {**PASSWORDS, "key": replicas.pods[0].secrets["mcp-internal-tls-redis"]["tls.key"]}
    written = {
        f"{what} of {container}": text
        for container, each in replicas.running.items()
        for what, text in (("log", each.log), ("commands", "\n".join(each.command_lines())))
    }
    assert all(written.values())
    assert leaks([Canary(name, text) for name, text in secrets.items()], written) == []


def test_new_passwords_of_replicas_and_sentinels_are_taken_up_while_all_pods_run(
    replicas: Replicas,
):
    (primary,) = replicas.primaries()
    replicas.ask(primary, "HSET", KEY, "user_id", "eve")
    old = {name: PASSWORDS[name] for name in ("replication", "sentinel")}
    new = {name: token_urlsafe(16) for name in old}
    for form in ("{old}\n{new}", "{new}\n{old}", "{new}"):
        for number, pod in enumerate(replicas.pods):
            for name, text in old.items():
                written = form.format(old=text, new=new[name])
                pod.secrets[f"mcp-valkey-{name}"]["password"] = written
            before = loads(replicas, number)
            pod.update_secrets()
            until(partial(loaded_since, replicas, number, before), within_seconds=30)
    for number in range(replicas.count):
        for one, user in zip(PROGRAMS, old, strict=True):
            until(lambda n=number, o=one, u=user: sent(u) in replicas.log(n, o), within_seconds=30)
    with pytest.MonkeyPatch.context() as changed:
        for name, text in new.items():
            with pytest.raises(ValkeyError, match="invalid username-password pair"):
                replicas.ask(primary, "PING", user=name)
            changed.setitem(PASSWORDS, name, text)
        # Links that were open stay. A failover makes each of them anew.
        assert replicas.ask(1, "SENTINEL", "FAILOVER", "primary", user="replication", of=SENTINEL)
        until(lambda: replicas.primaries() not in ([], [primary]), within_seconds=RECOVERED)
        after = replicas.primary(followers=replicas.count - 1)
        assert after != primary
        assert replicas.ask(after, "HGETALL", KEY) == {"user_id": "eve"}
        until(lambda: all(map(replicas.knows_all, range(replicas.count))), within_seconds=60)
        written = {
            f"log of {one} {number}": replicas.log(number, one)
            for number in range(replicas.count)
            for one in PROGRAMS
        }
        secrets = {**old, **{f"new {name}": text for name, text in new.items()}}
        assert leaks([Canary(name, text) for name, text in secrets.items()], written) == []


def loads(replicas: Replicas, number: int) -> list[int]:
    """How often each program of a pod has loaded its users again."""
    return [replicas.log(number, one).count("Users loaded again") for one in PROGRAMS]


def loaded_since(replicas: Replicas, number: int, before: list[int]) -> bool:
    return all(map(operator.lt, before, loads(replicas, number)))


def sent(user: str) -> str:
    return f"The new password of {user} is sent"


def test_one_pod_alone_does_not_become_a_primary(tmp_path: Path, authority: Authority):
    with private_network():
        replicas = Replicas(tmp_path, authority)
        try:
            replicas.start(2)
            until(lambda: "Waiting for 2 Sentinels" in replicas.log(2))
            assert replicas.terminate(2).exit_status() == 143, "it stops while it waits"
            replicas.start(2)
            until(lambda: "Waiting for 2 Sentinels" in replicas.log(2))
            replicas.start(1)
            # Two Sentinels know by their configuration that the first primary is pod 0.
            until(lambda: "The primary is redis-0." in replicas.log(2), within_seconds=30)
            assert replicas.primaries() == []
        finally:
            replicas.close()
