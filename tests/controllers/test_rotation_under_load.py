"""A password rotated in OpenBao reaches PostgreSQL and the server while clients call tools.

External Secrets, OpenBao, the API server, PostgreSQL and the MCP server are real. Nothing runs the
pods: a thread writes a changed Secret into their files, as kubelets do, first into the server's.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Final

import psycopg

from tests.artifacts.test_postgres import started
from tests.controllers.stored_secrets import NAMESPACE, WITHIN_SECONDS, Stack
from tests.harness import programs
from tests.harness.containers import RunningContainer
from tests.harness.network import port, private_network
from tests.harness.pods import Pod
from tests.harness.server import RunningServer, eventually, serving, until
from tests.harness.tokens import Issuer
from tests.runtime.test_memories_table import migrated

SECRET: Final = "mcp-server-secrets"
KEY: Final = "database-password"
TLS: Final = "mcp-internal-tls-postgres"
ROTATED: Final = "rotated-in-the-store-51c2"
CALLERS: Final = 3
LATER_SECONDS: Final = 3
"""By which the kubelet of PostgreSQL's node is later than that of the server's."""
DELAY_SECONDS: Final = 8
"""In place of the two minutes that a kubelet is given to be late."""


class Kubelets:
    """Write the Secret into the files of the server, and later into those of PostgreSQL's pod."""

    def __init__(self, stack: Stack, pod: Pod, file: Path) -> None:
        self.stack, self.pod, self.file = stack, pod, file
        self.ended = threading.Event()
        # Its threads are in the network of the API server; the pods' is private.
        self.outside = ThreadPoolExecutor(2)
        both = threading.Barrier(2)
        for one in [self.outside.submit(both.wait) for _ in range(2)]:
            one.result(60)
        self.loop = self.outside.submit(self._follow)

    def _follow(self) -> None:
        held = self.pod.secrets[SECRET]
        while not self.ended.wait(0.5):
            password = self.stack.secret(SECRET)[KEY]
            if password == held[KEY]:
                continue
            self.file.write_text(password)
            self.ended.wait(LATER_SECONDS)
            held[KEY] = password
            self.pod.update_secrets()

    def run(self, action: Callable[[], Any]) -> Any:
        """Run something in the network of the API server and the store."""
        return self.outside.submit(action).result(60)

    def end(self) -> None:
        self.ended.set()
        self.loop.result(60)
        self.outside.shutdown()


def database(file: Path) -> dict[str, Any]:
    """The server's section. Connections are replaced each second: the rotation meets new ones."""
    return {
        "host": "127.0.0.1",
        "port": port(5432),
        "name": "qudag_mcp",
        "user": "qudag",
        "password_file": str(file),
        "max_connections": 4,
        "min_connections": 1,
        "lifetime_seconds": 1,
    }


async def call(server: RunningServer, who: int, ended: asyncio.Event, calls: list[str]) -> None:
    """Store and read texts with the official client until the end; each answer is recorded."""
    async with server.client("modern") as client:
        while not ended.is_set():
            text = f"{who}-{len(calls)}"
            for name, arguments in (
                ("remember", {"name": f"caller {who}", "text": text}),
                ("recall", {"name": f"caller {who}"}),
            ):
                result = await client.call_tool(name, arguments)
                answer: Any = result.content[0] if result.content else None
                if result.is_error or (name == "recall" and answer.text != text):
                    calls.append(f"lost: {name}: {answer}")
                else:
                    calls.append("answered")


def accepts(password: str) -> bool:
    options = {"host": "127.0.0.1", "port": port(5432), "user": "qudag", "dbname": "qudag_mcp"}
    try:
        psycopg.connect(**options, password=password, sslmode="require").close()  # pyright: ignore
    except psycopg.OperationalError as error:
        if "password authentication failed" not in str(error):
            raise
        return False
    return True


async def rotated(
    stack: Stack, kubelets: Kubelets, server: RunningServer, postgres: RunningContainer
) -> list[str]:
    """Rotate while clients call; returns what became of each call."""
    calls: list[str] = []
    ended = asyncio.Event()
    async with asyncio.TaskGroup() as group:
        for who in range(CALLERS):
            group.create_task(call(server, who, ended, calls))
        await eventually(lambda: len(calls) >= 10 * CALLERS, WITHIN_SECONDS)
        change = {KEY: ROTATED}
        await asyncio.to_thread(
            kubelets.run, lambda: stack.bao.change(f"{NAMESPACE}/{SECRET}", **change)
        )
        line = "the rotated password of qudag is set"
        await eventually(lambda: line in postgres.log, WITHIN_SECONDS)
        at = len(calls)
        await asyncio.sleep(2)  # by then each connection has been replaced
        await eventually(lambda: len(calls) >= at + 10 * CALLERS, WITHIN_SECONDS)
        ended.set()
    return calls


async def test_a_rotated_password_arrives_and_no_call_is_lost(
    stored: Stack, tmp_path: Path
) -> None:
    programs.required("postgres")
    until(lambda: bool(stored.secret(SECRET)), WITHIN_SECONDS)
    before = stored.secret(SECRET)[KEY]
    secrets = {SECRET: stored.secret(SECRET), TLS: stored.secret(TLS)}
    pod = Pod.recorded(stored.graph, "postgres", tmp_path, secrets)
    (delay,) = [e for e in pod.container("postgres")["env"] if e["name"] == "ROTATION_DELAY"]
    delay["value"] = str(DELAY_SECONDS)
    file = tmp_path / "password-of-the-server"
    file.write_text(before)
    issuer = Issuer.at(tmp_path)
    kubelets = Kubelets(stored, pod, file)
    try:
        with private_network(), started(pod) as postgres:
            section = database(file)
            assert migrated(tmp_path, issuer, section).status == 0
            with serving(tmp_path, issuer, database=section) as server:
                calls = await rotated(stored, kubelets, server, postgres)
            assert file.read_text() == ROTATED
            assert accepts(ROTATED)
            assert not accepts(before)
    finally:
        kubelets.end()
    print(f"{len(calls)} calls, {sum(one != 'answered' for one in calls)} lost")
    assert [one for one in calls if one != "answered"] == []
    # For the tests that follow: the store has the value that it had.
    stored.bao.change(f"{NAMESPACE}/{SECRET}", **{KEY: before})
    until(lambda: stored.secret(SECRET)[KEY] == before, WITHIN_SECONDS)
