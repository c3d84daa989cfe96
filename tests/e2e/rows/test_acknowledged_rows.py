"""No row that a client was told of is lost when `make up` is killed again and again.

A client of the official SDK writes rows through the tool `remember` all the time. Each `make up`
changes the pods of the server and of the database, and is killed at a random moment.
"""

from __future__ import annotations

import os
import random
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Generator, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import anyio
import pytest
import yaml

from components.base.problems import ProblemReport
from delivery.mcp_client import Era, connected
from delivery.stack_identity import StackIdentity
from tests.harness.deployed_platform import ROOT, Platform, deployed_program
from tests.harness.server import text_of

KILLS: Final = 20
LONGEST_SECONDS: Final = 540
"""For all kills; the node is everybody's."""
ROWS_OF_A_USER: Final = 400
"""Fewer than a server keeps for one user."""
PROGRAM: Final = Path(__file__).with_name("program")


def changed(folder: Path, number: int) -> None:
    """Write the stack file with other pods of the server and of the database."""
    file = folder / "Pulumi.rows.yaml"
    content: dict[str, Any] = yaml.safe_load((PROGRAM / file.name).read_text())
    content["config"]["qudag-mcp:kubernetes"]["pods"] = {"labels": {"round": str(number)}}
    file.write_text(yaml.safe_dump(content))


@dataclass
class Writer:
    """Writes rows until it is told to stop; a row counts once the tool's result has arrived.

    Attributes:
        kept: names of the rows of each user that the server has acknowledged.
        failed: calls and connections without a good answer: their rows may exist or not.
    """

    platform: Platform
    stop: threading.Event = field(default_factory=threading.Event)
    kept: dict[str, list[str]] = field(default_factory=dict[str, list[str]])
    failed: int = 0

    @property
    def rows(self) -> int:
        return sum(len(rows) for rows in self.kept.values())

    def run(self) -> None:
        anyio.run(self._run)

    async def _run(self) -> None:
        for user in self._users():
            if self.stop.is_set():
                return
            try:
                async with connected(self.platform.endpoint(subject=user), Era.MODERN) as client:
                    await self._write(client, self.kept.setdefault(user, []))
            except (ProblemReport, OSError):
                self.failed += 1
                await anyio.sleep(0.2)

    def _users(self) -> Iterator[str]:
        """The same user until it has as many rows as it may."""
        number = 0
        while True:
            user = f"writer-{number}"
            yield user
            number += len(self.kept.get(user, [])) >= ROWS_OF_A_USER

    async def _write(self, client: Any, rows: list[str]) -> None:
        while not self.stop.is_set() and len(rows) < ROWS_OF_A_USER:
            name = f"row-{time.monotonic_ns()}"
            result = await client.call_tool("remember", {"name": name, "text": f"text of {name}"})
            if result.is_error:
                self.failed += 1
                await anyio.sleep(0.1)
            else:
                rows.append(name)


@dataclass
class Up:
    """`make up` of the test's own stack: make, and the command that it executes."""

    folder: Path
    process: subprocess.Popen[bytes] = field(init=False)

    def __post_init__(self) -> None:
        command = f"exec {sys.executable} -m delivery up -C {self.folder} --stack rows"
        (self.folder / "Makefile").write_text(f"up:\n\t@{command}\n")
        self.process = subprocess.Popen(
            ["make", "up"],
            cwd=self.folder,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
            stdout=subprocess.DEVNULL,
            stderr=(self.folder / "log").open("ab"),
            start_new_session=True,
        )

    def killed_after(self, seconds: float, *, group: bool) -> bool:
        """Send SIGKILL to the command alone or to the whole group; False if it had ended."""
        try:
            self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            target = self.process.pid
            if group:
                os.killpg(target, signal.SIGKILL)
            else:
                children = Path(f"/proc/{target}/task/{target}/children").read_text().split()
                os.kill(int(children[0]) if children else target, signal.SIGKILL)
            self.process.wait(30)
            return True
        return False

    def to_the_end(self) -> float:
        began = time.monotonic()
        assert self.process.wait(300) == 0, (self.folder / "log").read_text()[-3000:]
        return time.monotonic() - began


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """The program's folder, whose stack file the test changes."""
    made = tmp_path / "program"
    shutil.copytree(PROGRAM, made)
    main = made / "__main__.py"
    main.write_text(main.read_text().replace("PROJECT", str(ROOT)))
    changed(made, 0)
    return made


@pytest.fixture
def platform(folder: Path) -> Generator[Platform]:
    with deployed_program(StackIdentity.of(folder, "rows")) as platform:
        yield platform


async def absent(platform: Platform, user: str, rows: list[str]) -> list[str]:
    """The rows of a user that the platform does not have, or has with another text."""
    missing: list[str] = []
    async with connected(platform.endpoint(subject=user), Era.MODERN) as client:
        for name in rows:
            result = await client.call_tool("recall", {"name": name})
            if result.is_error or text_of(result) != f"text of {name}":
                missing.append(name)
    return missing


def test_rows_survive_every_kill_of_make_up(folder: Path, platform: Platform) -> None:
    seed = random.randrange(10**6)
    chance = random.Random(seed)
    writer = Writer(platform)
    thread = threading.Thread(target=writer.run, daemon=True)
    thread.start()
    lines = [f"seed {seed}"]
    try:
        changed(folder, 1)
        usual = Up(folder).to_the_end()
        began, killed, finished = time.monotonic(), 0, 0
        while killed < KILLS and time.monotonic() - began < LONGEST_SECONDS:
            changed(folder, 2 + killed + finished)
            moment, group = chance.uniform(0.1, usual), chance.random() < 0.5
            before = writer.rows
            if Up(folder).killed_after(moment, group=group):
                killed += 1
                what = "the group" if group else "the command"
                lines.append(f"{what} killed after {moment:.1f} s, {writer.rows - before} rows")
            else:
                finished += 1
        changed(folder, 1000)
        last = Up(folder).to_the_end()
        written = writer.rows
        time.sleep(2)
    finally:
        writer.stop.set()
        thread.join(60)
        print(*lines, sep="\n")
    lost = {user: anyio.run(absent, platform, user, rows) for user, rows in writer.kept.items()}
    print(
        f"{killed} kills, {finished} ups ended before; an up takes {usual:.1f} s, the last "
        f"{last:.1f} s; {writer.rows} rows acknowledged, {writer.failed} calls failed"
    )
    assert killed == KILLS
    assert writer.rows > written, "after the last up nothing could be written"
    assert {user: rows for user, rows in lost.items() if rows} == {}
    assert Up(folder).to_the_end() < usual + 60
