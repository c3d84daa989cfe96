"""Measures a tool call in the reference server and in a bare server of the same SDK.

The wall time of a call depends on what else the machine does. The CPU time of the server's process
depends much less on it. So that is measured, in short rounds that alternate between the servers.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from .load import Ask, Connection
from .raw_requests import HOST, call_of_echo, legacy_calls_of_echo
from .running_server import free_ports, plain_server, started

if TYPE_CHECKING:
    from rich.table import Table

Era = Literal["modern", "legacy"]
ERAS: tuple[Era, ...] = ("modern", "legacy")
CALLS, AT_ONCE, ROUNDS, WARM_UP_ROUNDS = 500, 16, 12, 3
"""Calls of a round; connections that are never idle; rounds of each server."""
_STARTS_WITHIN_SECONDS = 60
_TICKS = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True, kw_only=True)
class CallCost:
    """CPU time of a call of `echo`, user and system, in microseconds: the median of the rounds."""

    bare: float
    ours: float

    @property
    def ratio(self) -> float:
        """Calls per CPU second here, as a share of those in the bare server."""
        return self.bare / self.ours


@dataclass
class _Server:
    """A running server, how to ask it, and the cost of a call in each round so far."""

    pid: int
    port: int
    token: str
    costs: list[float] = field(default_factory=list[float])

    async def asks(self, era: Era) -> list[Ask]:
        """The calls of a round."""
        if era == "modern":
            requests = [call_of_echo(self.token, f"{HOST}:{self.port}")] * CALLS
        else:
            requests = await legacy_calls_of_echo(self.token, self.port, CALLS)
        return [
            Ask(name="echo", port=self.port, request=request, expected='"text":"bench"')
            for request in requests
        ]


def measure(tell: Callable[[str], None]) -> dict[Era, CallCost]:
    """Run both servers on plain HTTP and call each in turn, in each era."""
    bare_port, port = free_ports(2)
    with tempfile.TemporaryDirectory() as name, contextlib.ExitStack() as stack:
        folder = Path(name)
        argv, token = plain_server(folder, port)
        ours = stack.enter_context(started(folder, argv))
        command = [sys.executable, "-m", "tools.bench.bare_server", str(bare_port)]
        bare = stack.enter_context(started(folder, command))
        found: dict[Era, CallCost] = {}
        for era in ERAS:
            tell(f"call cost: echo, here and in a bare server, {era} era")
            pair = _Server(bare.pid, bare_port, token), _Server(ours.pid, port, token)
            asyncio.run(_measured(era, pair))
            medians = [statistics.median(server.costs) for server in pair]
            found[era] = CallCost(bare=medians[0], ours=medians[1])
    return found


def table(found: dict[Era, CallCost]) -> Table:
    """The table, the ratio first."""
    from rich.table import Table

    shown = Table(title="A call of echo over plain HTTP, in CPU time of the server")
    shown.add_column("era")
    for heading in ("bare / ours", "bare server of the SDK, µs", "reference server, µs"):
        shown.add_column(heading, justify="right")
    for era, cost in found.items():
        shown.add_row(era, f"{cost.ratio:.2f}", f"{cost.bare:.0f}", f"{cost.ours:.0f}")
    return shown


async def _measured(era: Era, pair: tuple[_Server, _Server]) -> None:
    for server in pair:
        await _until_listening(server.port)
    asks = [await server.asks(era) for server in pair]
    for number in range(WARM_UP_ROUNDS + ROUNDS):
        for server, round_ in zip(pair, asks, strict=True):
            began = _cpu_seconds(server.pid)
            await _calls(round_)
            if number >= WARM_UP_ROUNDS:
                server.costs.append(1e6 * (_cpu_seconds(server.pid) - began) / CALLS)


async def _calls(asks: list[Ask]) -> None:
    left = iter(asks)

    async def work() -> None:
        streams = await asyncio.open_connection(HOST, asks[0].port)
        connection = Connection(*streams)
        for each in left:
            await connection.ask(each)
        connection.close()

    await asyncio.gather(*(work() for _ in range(AT_ONCE)))


async def _until_listening(port: int) -> None:
    deadline = time.monotonic() + _STARTS_WITHIN_SECONDS
    while True:
        try:
            _, writer = await asyncio.open_connection(HOST, port)
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
