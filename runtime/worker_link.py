"""Messages between the parent and a worker process, over a pair of sockets.

The parent sends a number a line. The worker answers each with a line of JSON: the number, its
readiness and its metrics. It sends one without being asked when it starts and when it ends. When
the connection ends, the other process has ended.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import socket
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from .worker_metrics import Families

LONGEST_LINE = 64 * 1024 * 1024


@dataclass(frozen=True)
class Report:
    """What a worker says about itself.

    Attributes:
        state: the body of `/ready`.
        families: its metrics.
    """

    state: dict[str, Any]
    families: Families

    @property
    def ready(self) -> bool:
        """Whether it accepts calls."""
        return self.state["status"] == "ready"


class ParentLink:
    """A worker's end of the connection."""

    def __init__(self, channel: socket.socket, report: Callable[[], Report]) -> None:
        self.channel = channel
        self.report = report
        self.writer: asyncio.StreamWriter | None = None

    async def answer(self, stop: asyncio.Event) -> None:
        """Report now and whenever the parent asks; sets `stop` if the parent is gone."""
        reader, self.writer = await asyncio.open_connection(sock=self.channel)
        self._send(self.writer, 0)
        with contextlib.suppress(OSError):
            while line := await reader.readline():
                self._send(self.writer, int(line))
                await self.writer.drain()
        stop.set()

    async def close(self) -> None:
        """Send the last report and close the connection."""
        if self.writer is not None:
            with contextlib.suppress(OSError):
                self._send(self.writer, 0)
                self.writer.close()
                await self.writer.wait_closed()

    def _send(self, writer: asyncio.StreamWriter, number: int) -> None:
        said = self.report()
        line = {"answer": number, "state": said.state, "families": said.families}
        writer.write(json.dumps(line).encode() + b"\n")


@dataclass(eq=False)
class Worker:
    """A worker process, as its parent knows it.

    Attributes:
        number: its number, which its replacement gets too.
        channel: the parent's end of the connection.
        forked_at: when it was forked, in seconds of the monotonic clock.
        report: its last one; None before it has started.
        unanswered: questions in a row that it has not answered in time.
        ended: set when the process has ended, with its exit status in `status`.
    """

    number: int
    pid: int
    channel: socket.socket
    forked_at: float = field(default_factory=time.monotonic)
    report: Report | None = None
    unanswered: int = 0
    ended: asyncio.Event = field(default_factory=asyncio.Event)
    status: int = 0
    asked: int = 0
    waiting: dict[int, asyncio.Future[None]] = field(
        default_factory=dict[int, asyncio.Future[None]]
    )
    writer: asyncio.StreamWriter | None = None

    async def follow(self, started: Callable[[], None]) -> None:
        """Receive reports until the worker closes its end; calls `started` at the first."""
        reader, self.writer = await asyncio.open_connection(sock=self.channel, limit=LONGEST_LINE)
        with contextlib.suppress(OSError):
            while (line := await reader.readline()).endswith(b"\n"):
                said = json.loads(line)
                first = self.report is None
                self.report = Report(said["state"], said["families"])
                if first:
                    started()
                self._release(said["answer"])
        self._release(self.asked)
        self.writer.close()

    async def ask(self, within_seconds: float) -> bool:
        """Let the worker report now; False if it does not within the time."""
        if self.writer is None or self.writer.is_closing():
            return False
        self.asked += 1
        number = self.asked
        answered = asyncio.get_running_loop().create_future()
        self.waiting[number] = answered
        self.writer.write(b"%d\n" % number)
        try:
            async with asyncio.timeout(within_seconds):
                await answered
        except TimeoutError:
            self.unanswered += 1
            return False
        finally:
            self.waiting.pop(number, None)
        self.unanswered = 0
        return self.report is not None and not self.writer.is_closing()

    def _release(self, number: int) -> None:
        for asked, answered in list(self.waiting.items()):
            if asked <= number and not answered.done():
                answered.set_result(None)
