"""A process of the bridged program: its start, its messages, its stderr and its end."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import json
import os
import signal
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from ..logs import event, log
from .descendants import MARK, ORPHANS, Family, kill_all, signal_all
from .lines import Lines, TooLong
from .program_log import ProgramLog

OWN_VARIABLES = "QUDAG_MCP_"
"""Environment variables of the bridge begin with it; the program does not get them."""
READ_BYTES = 256 * 1024
WRITES_WITHIN_SECONDS = 30
"""A program that reads nothing for so long is killed."""
LOOK_EVERY_SECONDS = 0.5
"""Another process can hold the pipes of a program that has ended, so its status is polled too."""
_numbers = itertools.count(1)

OnLine = Callable[[bytes | TooLong], Awaitable[None]]


class ProgramError(Exception):
    """The program cannot be started, or has ended; the message says how."""


class ChildProcess:
    """A running process of the program, in a process group of its own.

    Attributes:
        family: the processes that it starts.
        number: names the process in the log.
        ended: set once the process has ended or has closed its stdout.
        on_line: receives the lines of stdout; a line waits until the one before is handled.
    """

    def __init__(
        self,
        process: asyncio.subprocess.Process,
        family: Family,
        program_log: ProgramLog,
        most: int,
    ) -> None:
        self.process = process
        self.family = family
        self.number = next(_numbers)
        self.started = asyncio.get_running_loop().time()
        self.ended = asyncio.Event()
        self.on_line: OnLine = _ignore
        self.stopping = False
        self.writing = asyncio.Lock()
        assert process.stderr is not None
        self.tasks = [
            asyncio.create_task(self._read(most)),
            asyncio.create_task(program_log.follow(process.stderr, self.number)),
            asyncio.create_task(self._watch()),
        ]

    @classmethod
    async def start(
        cls, command: tuple[str, ...], program_log: ProgramLog, most: int
    ) -> ChildProcess:
        """Start the program; raises `ProgramError`. No shell reads the command."""
        family = Family()
        try:
            with ORPHANS.start():
                process = await asyncio.create_subprocess_exec(
                    *command,
                    stdin=asyncio.subprocess.PIPE,
                    stdout=asyncio.subprocess.PIPE,
                    stderr=asyncio.subprocess.PIPE,
                    env=environment(os.environ) | {MARK: family.mark},
                    start_new_session=True,
                )
                ORPHANS.programs.add(process.pid)
        except (OSError, ValueError) as error:
            why = error.strerror if isinstance(error, OSError) else str(error)
            raise ProgramError(f"{command[0]} cannot be started: {why}") from None
        child = cls(process, family, program_log, most)
        event("program_started", child=child.number, pid=process.pid)
        return child

    async def send(self, message: Mapping[str, Any]) -> None:
        """Write one message; raises `ProgramError` if the program has ended."""
        stdin = self.process.stdin
        assert stdin is not None
        async with self.writing:
            if self.ended.is_set() or stdin.is_closing():
                raise ProgramError(self.status())
            try:
                async with asyncio.timeout(WRITES_WITHIN_SECONDS):
                    # A request whose client has left may wait to be read. Without this, clients
                    # that leave could fill the memory.
                    await stdin.drain()
                    stdin.write(_line(message))
                    await stdin.drain()
            except TimeoutError:
                event("program_reads_nothing", child=self.number)
                self._signal(signal.SIGKILL)
                raise ProgramError("the program does not read its stdin, and was killed") from None
            except OSError:
                raise ProgramError(self.status()) from None

    def status(self) -> str:
        """How the program ended, for errors."""
        code = self.process.returncode
        if code is None:
            return "the program closed its stdout"
        if code < 0:
            return f"the program was ended by signal {-code}"
        return f"the program ended with status {code}"

    def ran_seconds(self) -> float:
        """Seconds since the start."""
        return asyncio.get_running_loop().time() - self.started

    async def stop(self, within_seconds: float) -> None:
        """End the program and all that it started: close stdin, then SIGTERM, then SIGKILL."""
        self.stopping = True
        step = within_seconds / 2
        self.tasks[0].cancel()
        unread = asyncio.create_task(self._discard())
        try:
            with contextlib.suppress(OSError):
                if self.process.stdin is not None:
                    self.process.stdin.close()
            if not await self._ends(step):
                self._signal(signal.SIGTERM)
                signal_all(self._left_its_group(), signal.SIGTERM)
                await self._ends(step)
        finally:
            left = self._left_its_group()  # found by their parents, which still run
            self._signal(signal.SIGKILL)
            signal_all(left, signal.SIGKILL)
            await self._ends(1)
            await kill_all(lambda: self.family.members(self._first()))
            if self.process.returncode is not None:
                ORPHANS.programs.discard(self.process.pid)
            ORPHANS.collect()
            self.ended.set()
            for task in (unread, *self.tasks):
                task.cancel()
            event("program_stopped", child=self.number, status=self.process.returncode)

    async def _ends(self, within_seconds: float) -> bool:
        deadline = asyncio.get_running_loop().time() + within_seconds
        while self.process.returncode is None:
            if asyncio.get_running_loop().time() >= deadline:
                return False
            await asyncio.sleep(0.01)
        return True

    async def _read(self, most: int) -> None:
        stdout = self.process.stdout
        assert stdout is not None
        lines = Lines(most)
        try:
            while data := await stdout.read(READ_BYTES):
                for line in lines.feed(data):
                    await self.on_line(line)
            await self._ends(LOOK_EVERY_SECONDS)  # its status is known a moment later
        except Exception:
            log.exception("program_output_failed")
            raise
        finally:
            self.ended.set()

    async def _discard(self) -> None:
        """Read on, so that a program that is writing can end."""
        assert self.process.stdout is not None
        with contextlib.suppress(RuntimeError):
            while await self.process.stdout.read(READ_BYTES):
                pass

    async def _watch(self) -> None:
        while self.process.returncode is None:
            await asyncio.sleep(LOOK_EVERY_SECONDS)
        await asyncio.sleep(LOOK_EVERY_SECONDS)  # for the lines that it wrote last
        self.ended.set()

    def _signal(self, number: signal.Signals) -> None:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self.process.pid, number)

    def _first(self) -> int | None:
        return self.process.pid if self.process.returncode is None else None

    def _left_its_group(self) -> set[int]:
        """Processes of the program that a signal to its process group does not reach."""
        found: set[int] = set()
        for pid in self.family.members(self._first()):
            with contextlib.suppress(ProcessLookupError):
                if os.getpgid(pid) != self.process.pid:
                    found.add(pid)
        return found


def environment(pod: Mapping[str, str]) -> dict[str, str]:
    """What the program gets of the environment: all but the bridge's own variables."""
    return {name: value for name, value in pod.items() if not name.startswith(OWN_VARIABLES)}


async def _ignore(_: bytes | TooLong) -> None:
    pass


def _line(message: Mapping[str, Any]) -> bytes:
    try:
        text = json.dumps(message, ensure_ascii=False, separators=(",", ":")).encode()
    except UnicodeEncodeError:  # half of a surrogate pair, which UTF-8 cannot hold
        text = json.dumps(message, separators=(",", ":")).encode()
    return text + b"\n"
