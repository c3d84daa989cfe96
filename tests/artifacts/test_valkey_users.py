"""Each user of a real Valkey may run its own commands on its own keys, and nothing else.

The table of commands stands here apart from the rules in `components/kubernetes/valkey_users.py`.
"""

from __future__ import annotations

from collections.abc import Generator
from pathlib import Path
from typing import Any, Final

import pytest

from components.kubernetes.embedded_data import EmbeddedDataTier
from components.kubernetes.valkey_args import ValkeySettings
from components.kubernetes.valkey_users import ValkeyAccess, ValkeyUser
from tests.artifacts.test_valkey import Client, Refused, connect, secrets, started
from tests.harness import programs, record
from tests.harness.certificates import Authority
from tests.harness.minimal_args import data_tier
from tests.harness.pods import Pod

__all__ = ["connect"]

USERS: Final = {
    "mcp-server": ValkeyAccess.SESSIONS,
    "idle": ValkeyAccess.PING,
    "weather": ValkeyAccess.PROGRAM,
}
PASSWORDS: Final = {"idle": "an idle one", "weather": "that of the weather"}

FORBIDDEN_TO_ALL: Final = """
CONFIG GET maxmemory; CONFIG SET maxmemory 0; CONFIG REWRITE; SHUTDOWN; ACL LIST; ACL LOAD
ACL SETUSER x on; CLIENT LIST; CLIENT KILL TYPE normal; FLUSHALL; FLUSHDB; KEYS *; SCAN 0; RANDOMKEY
DBSIZE; SWAPDB 0 1; MONITOR; REPLICAOF no one; SLAVEOF no one; FAILOVER; PSYNC ? -1
REPLCONF ack 0; SYNC; MODULE LIST; SAVE; BGSAVE; BGREWRITEAOF; SLOWLOG GET; LATENCY LATEST
SCRIPT FLUSH; SCRIPT KILL; FUNCTION LIST; FUNCTION FLUSH; PUBSUB CHANNELS; RESTORE k 0 x
MIGRATE 127.0.0.1 1 k 0 1; ROLE; SUBSCRIBE other; PUBLISH other x; GET other:1
SUBSCRIBE __sentinel__:hello; SET default:1 x; HGETALL mcp-core:session:1
"""
FORBIDDEN: Final = {
    "mcp-server": """
GET mcp-server:1; SET mcp-server:1 x; EVAL return(1) 0; INFO; TTL mcp-server:1; HGETALL weather:1
ZADD idle:1 1 x; DEL other:session:1; SCRIPT EXISTS x; ACL WHOAMI; PUBLISH mcp-server:c x; SELECT 1
COPY mcp-server:1 mcp-server:2; XADD mcp-server:1 * a b
""",
    "idle": "GET idle:1; HGETALL idle:1; EVALSHA x 0; INFO; SELECT 1; SET idle:1 x; ACL WHOAMI",
    "weather": "GET mcp-server:1; RENAME weather:1 mcp-server:1; COPY weather:1 other:1",
}
ALLOWED: Final = {
    "mcp-server": """
PING; HSET mcp-server:session:1 a 1; HGET mcp-server:session:1 a; HGETALL mcp-server:session:1
EXPIRE mcp-server:session:1 60; ZADD mcp-server:user:1 1 a; ZCOUNT mcp-server:user:1 0 1
ZSCORE mcp-server:user:1 a; ZRANGE mcp-server:user:1 0 -1; ZREM mcp-server:user:1 a
ZREMRANGEBYSCORE mcp-server:user:1 0 1; ZREMRANGEBYRANK mcp-server:user:1 0 1
EXISTS mcp-server:session:1; DEL mcp-server:session:1; SCRIPT LOAD return(1)
""",
    "idle": "PING",
    "weather": """
PING; SET weather:1 x; GET weather:1; INCR weather:n; LPUSH weather:l x; INFO; ZADD weather:z 1 x
XADD weather:s * a b; TTL weather:1; SETEX weather:2 60 x; EVAL return(1) 0; PUBLISH weather:c x
SUBSCRIBE weather:c
""",
}


def commands(text: str) -> list[list[str]]:
    """The commands of a table, which stand one a line or before a semicolon."""
    return [one.split() for one in text.replace("\n", ";").split(";") if one.strip()]


@pytest.fixture(scope="module")
def pod(tmp_path_factory: pytest.TempPathFactory, authority: Authority) -> Generator[Pod]:
    programs.required("valkey-server", "redis-server")
    users = [
        ValkeyUser(name=name, secret=f"mcp-valkey-{name}", access=access)
        for name, access in USERS.items()
    ]
    args = data_tier(valkey=ValkeySettings(users=users))
    graph = record(lambda: EmbeddedDataTier("data", args))
    directory: Path = tmp_path_factory.mktemp("users")
    found = Pod.recorded(graph, "redis", directory, secrets(authority))
    with started(found):
        yield found


def logged_in(connect: Any, user: str) -> Client:
    known = {"password": PASSWORDS[user]} if user in PASSWORDS else {}
    return connect(user=user, **known)


@pytest.mark.parametrize("user", USERS)
def test_a_user_may_run_what_its_service_runs(pod: Pod, connect: Any, user: str):
    client = logged_in(connect, user)
    refused: list[str] = []
    for command in commands(ALLOWED[user]):
        try:
            client.ask(*command)
        except Refused as error:
            refused.append(f"{command}: {error}")
    assert refused == []


@pytest.mark.parametrize("user", USERS)
def test_every_other_command_key_and_channel_is_refused(pod: Pod, connect: Any, user: str):
    client = logged_in(connect, user)
    passed: list[str] = []
    for command in commands(FORBIDDEN_TO_ALL + FORBIDDEN[user]):
        try:
            passed.append(f"{command}: {client.ask(*command)}")
        except Refused as error:
            if "NOPERM" not in str(error):
                passed.append(f"{command}: {error}")
    assert passed == []


def test_the_user_default_is_off(pod: Pod, connect: Any):
    for password in ("", *PASSWORDS.values()):
        with pytest.raises(Refused, match="WRONGPASS"):
            connect(password)
    with pytest.raises(Refused, match="NOAUTH"):
        connect(password=None).ask("PING")


def test_a_user_cannot_log_in_with_the_password_of_another(pod: Pod, connect: Any):
    with pytest.raises(Refused, match="WRONGPASS"):
        connect(PASSWORDS["idle"], "weather")


def test_during_an_upgrade_the_shared_password_has_all_rights_beside_the_users(
    tmp_path: Path, authority: Authority, connect: Any
):
    programs.required("valkey-server", "redis-server")
    users = [ValkeyUser(name="mcp-server", secret="mcp-valkey-mcp-server")]
    args = data_tier(valkey=ValkeySettings(users=users, shared_password=True))
    graph = record(lambda: EmbeddedDataTier("data", args))
    known = secrets(authority) | {"mcp-server-secrets": {"redis-password": "the shared one"}}
    with started(Pod.recorded(graph, "redis", tmp_path, known)):
        assert connect("the shared one").ask("SET", "mcp-server:1", "x") == "OK"
        with pytest.raises(Refused, match="NOPERM"):
            connect(user="mcp-server").ask("GET", "mcp-server:1")
