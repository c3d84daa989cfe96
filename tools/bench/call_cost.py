"""Measures a tool call in the reference server and in a bare server of the same SDK."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from .load import Ask, Connection
from .running_server import free_ports, plain_server, started
from .serving import call_of_echo

if TYPE_CHECKING:
    from rich.table import Table

CALLS, AT_ONCE, ROUNDS = 1_000, 16, 5
_STARTS_WITHIN_SECONDS = 60
_TICKS = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True, kw_only=True)
class CallCost:
    """CPU time of a call of `echo`, in microseconds: the median of rounds that alternate."""

    bare: float
    ours: float

    @property
    def ratio(self) -> float:
        """1: a call costs as much here as in the bare server; below 1: more."""
        return self.bare / self.ours


def measure(tell: Callable[[str], None]) -> CallCost:
    """Run both servers on plain HTTP and call each in turn."""
    tell("call cost: echo, here and in a bare server")
    bare_port, port = free_ports(2)
    with tempfile.TemporaryDirectory() as name, contextlib.ExitStack() as stack:
        folder = Path(name)
        argv, token = plain_server(folder, port)
        ours = stack.enter_context(started(folder, argv))
        command = [sys.executable, "-m", "tools.bench.bare_server", str(bare_port)]
        bare = stack.enter_context(started(folder, command))
        asks = {
            bare.pid: _ask("bare", bare_port, token),
            ours.pid: _ask("ours", port, token),
        }
        found = asyncio.run(_measured(asks))
    return CallCost(bare=found[bare.pid], ours=found[ours.pid])


def table(found: CallCost) -> Table:
    """The table, the ratio first."""
    from rich.table import Table

    shown = Table(title="A call of echo over plain HTTP, in CPU time of the server")
    for heading in ("bare / ours", "bare server of the SDK, µs", "reference server, µs"):
        shown.add_column(heading, justify="right")
    shown.add_row(f"{found.ratio:.2f}", f"{found.bare:.0f}", f"{found.ours:.0f}")
    return shown


def _ask(name: str, port: int, token: str) -> Ask:
    request = call_of_echo(token).replace("Host: 127.0.0.1", f"Host: 127.0.0.1:{port}")
    return Ask(name=name, port=port, request=request, expected='"text":"bench"')


async def _measured(asks: dict[int, Ask]) -> dict[int, float]:
    costs: dict[int, list[float]] = {pid: [] for pid in asks}
    for ask in asks.values():
        await _until_listening(ask.port)
        await _calls(ask)  # warm up
    for _ in range(ROUNDS):
        for pid, ask in asks.items():
            began = _cpu_seconds(pid)
            await _calls(ask)
            costs[pid].append(1e6 * (_cpu_seconds(pid) - began) / CALLS)
    return {pid: statistics.median(found) for pid, found in costs.items()}


async def _calls(ask: Ask) -> None:
    left = itertools.repeat(ask, CALLS)

    async def work() -> None:
        streams = await asyncio.open_connection("127.0.0.1", ask.port)
        connection = Connection(*streams)
        for each in left:
            await connection.ask(each)
        connection.close()

    await asyncio.gather(*(work() for _ in range(AT_ONCE)))


async def _until_listening(port: int) -> None:
    deadline = time.monotonic() + _STARTS_WITHIN_SECONDS
    while True:
        try:
            _, writer = await asyncio.open_connection("127.0.0.1", port)
        except OSError:
            if time.monotonic() > deadline:
                raise
            await asyncio.sleep(0.1)
        else:
            writer.close()
            return


def _cpu_seconds(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / _TICKS
