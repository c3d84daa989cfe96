"""The pool of connections to PostgreSQL, on a real one."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Generator
from contextlib import asynccontextmanager
from typing import Any

import anyio
import psycopg
import psycopg_pool
import pytest

from runtime.config import DatabaseSection
from runtime.database_pool import DatabasePool
from tests.harness.postgres import HOW_TO_GET, Postgres, binaries, postgres

pytestmark = pytest.mark.skipif(binaries() is None, reason=HOW_TO_GET)


@pytest.fixture(scope="module")
def database() -> Generator[Postgres]:
    with postgres() as server:
        yield server


@asynccontextmanager
async def pool_of(database: Postgres, **settings: Any) -> AsyncGenerator[DatabasePool]:
    section: dict[str, Any] = {**database.section(), **settings}
    pool = DatabasePool(DatabaseSection(**section))
    async with pool.running():
        yield pool


async def process_id(pool: DatabasePool) -> int:
    """Of the database's process that serves a connection."""
    async with pool.connection() as connection:
        return connection.info.backend_pid


async def use(pool: DatabasePool, seconds: float, used: set[int]) -> None:
    async with pool.connection() as connection:
        used.add(connection.info.backend_pid)
        await connection.execute("SELECT pg_sleep(%s)", (seconds,))


async def test_calls_one_after_another_share_a_connection(database: Postgres):
    async with pool_of(database, min_connections=1) as pool:
        # The first call may come before the pool has its first connection, and get one more.
        assert len({await process_id(pool) for _ in range(20)}) <= 2


async def test_calls_at_the_same_time_have_a_connection_each_up_to_the_limit(database: Postgres):
    used: set[int] = set()
    async with pool_of(database, max_connections=3) as pool, anyio.create_task_group() as calls:
        for _ in range(9):
            calls.start_soon(use, pool, 0.1, used)
    assert len(used) == 3


async def test_a_call_waits_for_a_connection_only_so_long(database: Postgres):
    async with (
        pool_of(database, max_connections=1, acquire_seconds=0.2) as pool,
        anyio.create_task_group() as calls,
    ):
        calls.start_soon(use, pool, 60, set[int]())
        await anyio.sleep(0.1)
        started = anyio.current_time()
        with pytest.raises(psycopg_pool.PoolTimeout):
            await process_id(pool)
        assert 0.1 < anyio.current_time() - started < 1.5
        calls.cancel_scope.cancel()


async def test_no_call_gets_a_connection_that_is_broken(database: Postgres):
    async with pool_of(database, min_connections=3, max_connections=3) as pool:
        await process_id(pool)
        with database.connect() as connection:
            end_all(connection)
        for _ in range(6):
            async with pool.connection() as connection:
                await connection.execute("SELECT 1")


async def test_cancelled_calls_give_their_connections_back(database: Postgres):
    async with pool_of(database, max_connections=2) as pool:
        for _ in range(10):
            with anyio.move_on_after(0.05):
                await use(pool, 10, set[int]())
        async with pool.connection() as connection:
            answered = await connection.execute("SELECT 42")
            assert await answered.fetchone() == (42,)


async def test_a_statement_that_fails_leaves_the_connection_usable(database: Postgres):
    async with pool_of(database, max_connections=1) as pool:
        for _ in range(3):
            with pytest.raises(psycopg.errors.UndefinedTable):
                async with pool.connection() as connection, connection.transaction():
                    await connection.execute("SELECT * FROM absent")
        await process_id(pool)


async def test_a_connection_is_replaced_after_its_lifetime(database: Postgres):
    async with pool_of(database, max_connections=1, lifetime_seconds=0.2) as pool:
        first = await process_id(pool)
        await anyio.sleep(0.3)
        await process_id(pool)  # the lifetime is looked at when a connection is given back
        assert await process_id(pool) != first


async def test_a_new_connection_has_the_rotated_password(database: Postgres):
    former = database.password_file.read_text().strip()
    with database.connect() as administrator:
        administrator.autocommit = True
        async with pool_of(database) as pool:
            await process_id(pool)
            try:
                rotate(database, administrator, "rotated")
                await process_id(pool)
            finally:
                rotate(database, administrator, former)


async def test_the_former_password_is_used_until_the_new_one_is_set(database: Postgres):
    """The file has changed, and PostgreSQL does not demand the new password yet."""
    former = database.password_file.read_text().strip()
    with database.connect() as administrator:
        administrator.autocommit = True
        async with pool_of(database) as pool:
            await process_id(pool)
            try:
                database.password_file.write_text("early")
                end_all(administrator)
                await process_id(pool)
                await pool.check()
                rotate(database, administrator, "early")
                await process_id(pool)
                database.password_file.write_text("never set")
                end_all(administrator)
                await process_id(pool)
            finally:
                rotate(database, administrator, former)


async def test_a_password_that_never_worked_is_refused(database: Postgres):
    former = database.password_file.read_text().strip()
    async with pool_of(database, user="nobody", acquire_seconds=1) as pool:
        try:
            database.password_file.write_text("wrong")
            with pytest.raises(psycopg.OperationalError):
                await pool.check()
        finally:
            database.password_file.write_text(former)


def rotate(database: Postgres, by: psycopg.Connection[Any], password: str) -> None:
    """Change the password, and end the server's connections, made with the former one."""
    by.execute(f"ALTER ROLE qudag PASSWORD '{password}'".encode())
    end_all(by)
    database.password_file.write_text(password)


def end_all(connection: psycopg.Connection[Any]) -> None:
    """End the server's connections to the database."""
    connection.execute(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
        " WHERE application_name = 'qudag-mcp-server'"
    )
