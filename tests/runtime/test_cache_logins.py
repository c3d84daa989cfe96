"""A running server logs in to a real Valkey with tokens that expire, and loses no call."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import anyio
import pytest
from valkey.exceptions import NoPermissionError

from components.aws.cache import RIGHTS
from components.mcp.data_tier import CacheCommands
from runtime import valkey_client
from runtime.redis_config import RedisSection
from runtime.renewed_token import RenewedToken, Token, TokenError
from runtime.valkey_client import TokenConnection, TokenLogin
from tests.harness.expiring_logins import ExpiringLogins, expiring_logins
from tests.harness.server import serving
from tests.harness.token_services import token_service
from tests.harness.tokens import Issuer

pytestmark = pytest.mark.slow
SECONDS = 6


async def test_no_call_is_lost_while_tokens_of_a_second_expire(tmp_path: Path, issuer: Issuer):
    with (
        expiring_logins(tmp_path, rights=RIGHTS[CacheCommands.SESSIONS], seconds=1) as logins,
        token_service(logins) as service,
        serving(
            tmp_path,
            issuer,
            environment={"GCE_METADATA_HOST": service.host},
            redis={"host": "127.0.0.1", "port": logins.port, "token": "memorystore"},
            state={"kind": "valkey"},
        ) as server,
    ):
        answers: list[int] = []
        async with server.client("legacy") as client:
            until = time.monotonic() + SECONDS

            async def calls() -> None:
                while time.monotonic() < until:
                    answers.append(len((await client.list_tools()).tools))
                    await anyio.sleep(0.02)

            async with anyio.create_task_group() as group:
                for _ in range(3):
                    group.start_soon(calls)
        log = server.log_file.read_text()
    assert len(set(answers)) == 1
    assert len(answers) > 100
    assert len(logins.expires_at) >= 5  # tokens
    assert max(logins.logins) >= 5  # of one connection, which lived longer than a token
    assert "ya29." not in log


@pytest.mark.parametrize(
    "command",
    ["FLUSHALL", "CONFIG GET *", "KEYS *", "ACL LIST", "GET a", "EVAL return 0", "CLIENT LIST"],
)
async def test_the_user_that_elasticache_gets_may_only_keep_sessions(tmp_path: Path, command: str):
    def fetch() -> Token:
        logins.expires_at["ya29.0"] = time.monotonic() + 60
        return Token("ya29.0", 60)

    rights = RIGHTS[CacheCommands.SESSIONS]
    with expiring_logins(tmp_path, user="mcp-server", rights=rights, seconds=60) as logins:
        logins.ask("ACL", "SETUSER", "mcp-server", ">ya29.0")
        connection = await opened(logins, RenewedToken(fetch))
        await connection.send_command(*command.split(" ", 2))
        with pytest.raises(NoPermissionError):
            await connection.read_response()
        await connection.disconnect()


async def opened(logins: ExpiringLogins, token: RenewedToken) -> TokenConnection:
    section = RedisSection(host="127.0.0.1", port=logins.port)
    connection = TokenConnection(
        redis=section,
        login=TokenLogin(token, logins.user),
        host=section.host,
        port=section.port,
        socket_connect_timeout=5,
        decode_responses=True,
    )
    await connection.connect()
    return connection


async def answer(connection: TokenConnection) -> str:
    """To a command that a client sends: it calls `connect` before."""
    await connection.connect()
    await connection.send_command("ACL", "WHOAMI")
    read: Any = connection.read_response  # its type is known in part
    return str(await read())


async def test_a_connection_is_used_on_while_no_new_token_can_be_had(tmp_path: Path):
    """As with ElastiCache, where a login lasts longer than its token."""
    asked: list[float] = []

    def fetch() -> Token:
        asked.append(time.monotonic())
        if len(asked) > 1:
            raise TokenError("the service is down")
        logins.ask("ACL", "SETUSER", "mcp-server", ">ya29.0")
        logins.expires_at["ya29.0"] = time.monotonic() + 60
        return Token("ya29.0", 0.2)

    with expiring_logins(tmp_path, user="mcp-server", seconds=60) as logins:
        connection = await opened(logins, RenewedToken(fetch))
        await anyio.sleep(0.3)  # until the token has expired
        began = time.monotonic()
        assert [await answer(connection) for _ in range(20)] == ["mcp-server"] * 20
        assert time.monotonic() - began < 2
        await connection.disconnect()
        with pytest.raises(valkey_client.AuthenticationError, match="the service is down"):
            await connection.connect()
    assert sum(logins.logins) == 1


async def test_a_refused_login_leaves_the_former_one(tmp_path: Path):
    tokens = iter(["ya29.0", "ya29.1", "ya29.2"])

    def fetch() -> Token:
        token = next(tokens)
        logins.expires_at[token] = time.monotonic() + 60
        return Token(token, 60)

    with expiring_logins(tmp_path, user="mcp-server", seconds=60) as logins:
        logins.ask("ACL", "SETUSER", "mcp-server", ">ya29.0", ">ya29.2")
        clock = [0.0]
        source = RenewedToken(fetch, now=lambda: clock[0])
        connection = await opened(logins, source)
        for expected in (2, 3):
            clock[0] += 50
            source()  # renewed: the second is refused, the third is not
            assert await answer(connection) == "mcp-server"
            assert logins.logins == [expected]
        assert (await answer(connection), logins.logins) == ("mcp-server", [3])
