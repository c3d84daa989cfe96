"""Three pods of Valkey with their rendered files: one primary in every order of starts."""

from __future__ import annotations

from collections.abc import Generator
from pathlib import Path
from typing import Final

import pytest
from valkey.exceptions import ValkeyError

from tests.artifacts.test_valkey_users import commands
from tests.harness.certificates import Authority
from tests.harness.network import private_network
from tests.harness.server import until
from tests.harness.valkey_replicas import SENTINEL, VALKEY, Replicas

pytestmark = pytest.mark.slow

ORDERS: Final = ((2, 1, 0), (0, 2, 1))
KEY: Final = "mcp-server:session:1"


@pytest.fixture
def replicas(tmp_path: Path, authority: Authority) -> Generator[Replicas]:
    with private_network():
        found = Replicas(tmp_path, authority)
        try:
            yield found
        finally:
            found.close()


def test_a_lost_primary_is_replaced_and_all_pods_restart_in_any_order_with_its_data(
    replicas: Replicas,
):
    assert replicas.start_all() == 0
    for number in range(3):
        replicas.trusted(number)
        assert replicas.refuses_clear_text(number)
    replicas.ask(0, "HSET", KEY, "user_id", "ada")
    until(lambda: replicas.ask(1, "HGETALL", KEY) == {"user_id": "ada"})

    replicas.kill(0)
    new = replicas.primary(followers=1)
    assert new in (1, 2)
    replicas.ask(new, "HSET", KEY, "user_id", "bob")
    replicas.start(0)
    assert replicas.primary(followers=2) == new
    until(lambda: replicas.ask(0, "HGETALL", KEY) == {"user_id": "bob"})
    assert f"The primary is redis-{new}." in replicas.log(0)

    for order in ORDERS:
        for number in range(3):
            replicas.kill(number)
        for number in order:
            replicas.start(number)
        assert replicas.primary(followers=2) == new, order
        assert replicas.ask(new, "HGETALL", KEY) == {"user_id": "bob"}, order


def test_one_pod_alone_does_not_become_a_primary(replicas: Replicas):
    replicas.start(2)
    until(lambda: "Waiting for 2 Sentinels" in replicas.log(2))
    replicas.start(1)
    # Two Sentinels know by their configuration that the first primary is pod 0.
    until(lambda: "The primary is redis-0." in replicas.log(2), within_seconds=30)
    assert replicas.primaries() == []
    replicas.start(0)
    assert replicas.primary(followers=2) == 0


AT_A_SENTINEL: Final = {
    "sentinel": """
SENTINEL SET primary quorum 1; SENTINEL FAILOVER primary; SENTINEL REMOVE primary
SENTINEL RESET *; SENTINEL MONITOR x 127.0.0.1 1 1; SENTINEL CONFIG GET *; SHUTDOWN; ACL LIST
""",
    "replication": """
SENTINEL MASTERS; SENTINEL SENTINELS primary; SENTINEL FAILOVER primary; PING; INFO; PUBLISH x y
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


def test_users_run_their_own_commands_alone_and_a_primary_without_replicas_refuses_writes(
    replicas: Replicas,
):
    replicas.start_all()
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

    replicas.kill(1)
    replicas.kill(2)
    until(lambda: is_refused(replicas), within_seconds=30)


def is_refused(replicas: Replicas) -> bool:
    """Whether a primary that has lost its replicas refuses a write, which would be lost."""
    try:
        replicas.ask(0, "HSET", KEY, "user_id", "ada")
    except ValkeyError as error:
        return "NOREPLICAS" in str(error)
    return False
