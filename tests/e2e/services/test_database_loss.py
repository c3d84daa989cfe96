"""Committed rows survive the kill of the database pod."""

from __future__ import annotations

import re

import anyio
import pytest
from mcp_types import CallToolResult, TextContent

from delivery.mcp_client import Era, call_tool, connected
from tests.harness.deployed_platform import Platform
from tests.harness.server import eventually

WRITERS = 8
ROWS_BEFORE = 40
ROWS_AFTER = 40
PAUSE = 0.2
"""Seconds between two calls of a user, who may send ten a second."""
NO_DATABASE = re.compile("the database does not answer(, or .* in use)?; try again later")
"""A pool that waits for connections cannot tell the two reasons apart."""


def text(result: CallToolResult) -> str:
    return "".join(block.text for block in result.content if isinstance(block, TextContent))


@pytest.mark.parametrize("killed", ["--grace-period=0 --force", "--grace-period=60"])
async def test_a_row_that_was_committed_outlives_its_database_pod(services: Platform, killed: str):
    users = [services.endpoint(subject=f"writer-{number}") for number in range(WRITERS)]
    committed: dict[tuple[int, str], str] = {}
    refused: list[str] = []
    stop = anyio.Event()

    async def write(writer: int) -> None:
        async with connected(users[writer], Era.MODERN) as client:
            row = 0
            while not stop.is_set():
                row += 1
                name, value = f"{killed}-{writer}-{row}", f"value {row}"
                result = await client.call_tool("remember", {"name": name, "text": value})
                if result.is_error:
                    refused.append(text(result))
                else:
                    committed[writer, name] = value
                await anyio.sleep(PAUSE)

    async def read(writer: int) -> None:
        async with connected(users[writer], Era.MODERN) as client:
            for (owner, name), value in committed.items():
                if owner == writer:
                    assert text(await client.call_tool("recall", {"name": name})) == value
                    await anyio.sleep(PAUSE)

    (pod,) = services.pods("postgres")
    async with anyio.create_task_group() as tasks:
        for writer in range(WRITERS):
            tasks.start_soon(write, writer)
        await eventually(lambda: len(committed) >= ROWS_BEFORE, 60)
        await anyio.to_thread.run_sync(kill, services, pod["metadata"]["name"], killed)
        written = len(committed)
        await eventually(lambda: len(committed) >= written + ROWS_AFTER, 120)
        stop.set()
    assert services.pods("postgres")[0]["metadata"]["uid"] != pod["metadata"]["uid"]
    assert [said for said in refused if not NO_DATABASE.search(said)] == []
    async with anyio.create_task_group() as tasks:
        for writer in range(WRITERS):
            tasks.start_soon(read, writer)


def kill(platform: Platform, pod: str, how: str) -> None:
    """Delete the pod; returns when its volume's next one answers."""
    where = f"-n={platform.namespace}"
    platform.kubectl.must("delete", "pod", pod, where, *how.split())
    status = ["rollout", "status", "statefulset/postgres", where, "--timeout=120s"]
    platform.kubectl.must(*status, timeout=130)


async def test_a_row_outlives_a_database_that_is_killed_outright(services: Platform):
    """SIGKILL to the server in its container: no shutdown, no last checkpoint."""
    endpoint = services.endpoint()
    stored = await call_tool(endpoint, Era.MODERN, "remember", {"name": "kill -9", "text": "kept"})
    assert not stored.is_error
    (pod,) = services.pods("postgres")
    crash = "kill -9 $(head -1 /var/lib/postgresql/data/cluster/postmaster.pid)"
    services.kubectl.run(
        "exec", f"-n={services.namespace}", pod["metadata"]["name"], "--", "sh", "-c", crash
    )

    async def recalled() -> bool:
        result = await call_tool(endpoint, Era.MODERN, "recall", {"name": "kill -9"})
        return text(result) == "kept"

    with anyio.fail_after(90):
        while not await recalled():
            await anyio.sleep(0.5)
    assert restarts(services) >= 1


def restarts(platform: Platform) -> int:
    (pod,) = platform.pods("postgres")
    return pod["status"]["containerStatuses"][0]["restartCount"]
