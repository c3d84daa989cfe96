"""A running server logs in to a real PostgreSQL with tokens that expire, and loses no call."""

from __future__ import annotations

import threading
import time
from collections.abc import Generator
from pathlib import Path
from typing import Any

import anyio
import psycopg
import pytest
import tomli_w

from tests.harness.postgres import HOW_TO_GET, PASSWORD, USER, Postgres, binaries, postgres
from tests.harness.server import run_program, serving, text_of
from tests.harness.token_services import Answer, Asked, token_service
from tests.harness.tokens import Issuer

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(binaries() is None, reason=HOW_TO_GET),
]
SECONDS = 8


@pytest.fixture
def database() -> Generator[Postgres]:
    with postgres() as server:
        yield server


class Tokens:
    """The metadata server: each new token makes the one before it invalid, in the database too."""

    def __init__(self, database: Postgres, seconds: float) -> None:
        self.seconds = seconds
        self.valid = [PASSWORD]
        self._database = database
        self._lock = threading.Lock()

    def __call__(self, _: Asked) -> Answer:
        with self._lock:
            token = f"ya29.{len(self.valid)}"
            self.rotate(token)
        return 200, {"access_token": token, "expires_in": self.seconds}

    def rotate(self, token: str) -> None:
        with self.login(self.valid[-1]) as connection:
            connection.execute(f"ALTER ROLE {USER} PASSWORD '{token}'".encode())
        self.valid.append(token)

    def login(self, password: str) -> psycopg.Connection[tuple[Any, ...]]:
        return psycopg.connect(
            host="127.0.0.1",
            port=self._database.port,
            dbname="postgres",
            user=USER,
            password=password,
            autocommit=True,
        )


def section(database: Postgres, **changes: Any) -> dict[str, Any]:
    given = {name: value for name, value in database.section().items() if name != "password_file"}
    return {**given, "token": "cloud-sql", **changes}


async def test_no_call_is_lost_while_tokens_expire(
    tmp_path: Path, issuer: Issuer, database: Postgres
):
    tokens = Tokens(database, seconds=1)
    with token_service(tokens) as service:
        metadata = {"GCE_METADATA_HOST": service.host}
        # Connections live shortly, so that each of many calls needs a login.
        often = section(database, min_connections=0, idle_seconds=0.2, lifetime_seconds=0.3)
        file = tmp_path / "migration.toml"
        file.write_text(tomli_w.dumps({"database": often}))
        migrated = run_program("migrate", "--config", str(file), environment=metadata)
        assert (migrated.status, migrated.stderr) == (0, "")
        with serving(tmp_path, issuer, environment=metadata, database=often) as server:
            answers: list[str] = []
            async with server.client("modern") as client:
                assert not (
                    await client.call_tool("remember", {"name": "a", "text": "kept"})
                ).is_error
                until = time.monotonic() + SECONDS

                async def calls() -> None:
                    while time.monotonic() < until:
                        answer = await client.call_tool("recall", {"name": "a"})
                        answers.append(text_of(answer))
                        await anyio.sleep(0.02)

                async with anyio.create_task_group() as group:
                    for _ in range(3):
                        group.start_soon(calls)
        log = server.log_file.read_text()
    assert set(answers) == {"kept"}
    assert len(answers) > 100
    assert len(tokens.valid) >= 5
    with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
        tokens.login(tokens.valid[-2])
    assert "ya29." not in log


def test_a_migration_names_the_service_that_gives_no_token(tmp_path: Path, database: Postgres):
    with token_service(lambda _: (403, {"error": "no such account"})) as service:
        metadata = {"GCE_METADATA_HOST": service.host}
        file = tmp_path / "migration.toml"
        file.write_text(tomli_w.dumps({"database": section(database)}))
        result = run_program("migrate", "--config", str(file), environment=metadata)
    assert result.status == 1
    assert f"no token: {service.host} answered 403 (no such account)" in result.stderr
