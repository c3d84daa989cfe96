"""Finds, signals and collects the processes that a program has started, on Linux.

A process can leave the process group and the parent that it was started in, with `setsid` and a
second fork. It keeps its environment, in which each program has a mark of its own, and becomes a
child of the bridge, which is the reaper of its descendants (`PR_SET_CHILD_SUBREAPER`).
"""

from __future__ import annotations

import asyncio
import contextlib
import ctypes
import logging
import os
import secrets
import signal
from collections.abc import AsyncGenerator, Callable, Generator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from ..logs import event

MARK: Final = "BRIDGED_PROGRAM"
"""Environment variable that each process of a program inherits; its value names the program."""
SUBREAPER: Final = 36
"""`PR_SET_CHILD_SUBREAPER` of <linux/prctl.h>."""
KILLED_WITHIN_SECONDS: Final = 1.0
PROC: Final = Path("/proc")


@dataclass(frozen=True)
class Process:
    """A line of the process table."""

    parent: int
    is_zombie: bool


def process_table() -> dict[int, Process]:
    """All processes that this one can see; none where there is no `/proc`."""
    table: dict[int, Process] = {}
    with contextlib.suppress(OSError):
        for name in os.listdir(PROC):
            if name.isdecimal():
                with contextlib.suppress(OSError, ValueError):  # it has ended meanwhile
                    # The name of the program is in parentheses, and may contain some.
                    said = (PROC / name / "stat").read_text(errors="replace").rpartition(")")[2]
                    state, parent = said.split()[:2]
                    table[int(name)] = Process(int(parent), state == "Z")
    return table


def below(root: int, table: dict[int, Process]) -> set[int]:
    """The descendants of a process."""
    children: dict[int, list[int]] = {}
    for pid, process in table.items():
        children.setdefault(process.parent, []).append(pid)
    found: set[int] = set()
    left = [root]
    while left:
        new = [pid for pid in children.get(left.pop(), ()) if pid not in found]
        found.update(new)
        left += new
    return found


@dataclass(frozen=True)
class Family:
    """The processes of one program.

    Attributes:
        mark: the value of `MARK` in their environments.
    """

    mark: str = field(default_factory=lambda: secrets.token_hex(16))

    def members(self, first: int | None) -> set[int]:
        """The program's running processes besides its first one.

        Args:
            first: the id of the first process; None once it may be that of another one.
        """
        table = process_table()
        wanted = f"{MARK}={self.mark}".encode()
        roots = {pid for pid in table if wanted in _environment(pid)}
        if first is not None:
            roots.add(first)
        found = roots.union(*(below(pid, table) for pid in roots))
        return {pid for pid in found - {first} if pid in table and not table[pid].is_zombie}


class Orphans:
    """The processes that became children of the bridge when their parents ended."""

    def __init__(self) -> None:
        self.programs: set[int] = set()
        """The children that asyncio waits for."""
        self.starting = 0
        self.before: set[int] = set()

    @contextlib.asynccontextmanager
    async def adopted(self) -> AsyncGenerator[None]:
        """Make this process the parent of all orphans below it; kill them at the end."""
        self.before = self._children()
        try:
            ctypes.CDLL(None).prctl(SUBREAPER, 1, 0, 0, 0)
        except AttributeError:  # another system than Linux
            event("orphans_not_adopted", logging.WARNING)
        loop = asyncio.get_running_loop()
        loop.add_signal_handler(signal.SIGCHLD, self.collect)
        try:
            yield
        finally:
            await self._end()
            loop.remove_signal_handler(signal.SIGCHLD)

    @contextlib.contextmanager
    def start(self) -> Generator[None]:
        """Collect nothing while a program is started, whose id is not known yet."""
        self.starting += 1
        try:
            yield
        finally:
            self.starting -= 1

    def collect(self) -> None:
        """Wait for the orphans that have ended, so that they are no zombies."""
        if self.starting:
            return
        table = process_table()
        for pid in self._children(table) - self.before - self.programs:
            if table[pid].is_zombie:
                with contextlib.suppress(ChildProcessError):
                    os.waitpid(pid, os.WNOHANG)

    async def _end(self) -> None:
        """Kill and collect all orphans and what is below them, also those without a mark."""

        def running() -> set[int]:
            table = process_table()
            mine = self._children(table) - self.before
            found = mine.union(*(below(pid, table) for pid in mine))
            return {pid for pid in found if not table[pid].is_zombie}

        await kill_all(running)
        self.programs.clear()
        self.collect()

    def _children(self, table: dict[int, Process] | None = None) -> set[int]:
        table = process_table() if table is None else table
        return {pid for pid, process in table.items() if process.parent == os.getpid()}


ORPHANS: Final = Orphans()
"""Of all programs of this process."""


def signal_all(pids: set[int], number: signal.Signals) -> None:
    """Send a signal to each process that still runs."""
    for pid in pids:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.kill(pid, number)


async def kill_all(running: Callable[[], set[int]]) -> None:
    """Kill what `running` finds until it has found nothing twice in a row, for at most a second.

    A process may start another one after it was seen and before it is killed. While a process
    replaces its program, its environment is empty, and it is not found.
    """
    deadline = asyncio.get_running_loop().time() + KILLED_WITHIN_SECONDS
    empty = 0
    while empty < 2:
        left = running()
        empty = 0 if left else empty + 1
        signal_all(left, signal.SIGKILL)
        if left and asyncio.get_running_loop().time() >= deadline:
            event("processes_left", pids=sorted(left))
            return
        await asyncio.sleep(0.01)


def _environment(pid: int) -> set[bytes]:
    try:
        return set((PROC / str(pid) / "environ").read_bytes().split(b"\0"))
    except OSError:
        return set()
