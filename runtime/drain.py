"""Drains the server between SIGTERM and exit: running requests finish, readiness fails."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import anyio

from .exchange import Exchange

POLL_SECONDS = 0.05


@dataclass(eq=False)
class Call:
    """A running tool call, and the scope that cancels it."""

    scope: anyio.CancelScope
    cancelled: bool = False


@dataclass
class Drain:
    """The open exchanges and running tool calls of a process, and the steps of its drain.

    Attributes:
        on_standing_end: callbacks that start the graceful end of standing streams.
        cancelled: number of calls that it has cancelled.
        on_cancelled: callbacks that get the number of calls cancelled at a time.
        ends_at: time of the event loop at which the process has to be gone, once that is known.
    """

    draining: bool = False
    exchanges: set[Exchange] = field(default_factory=set[Exchange])
    calls: set[Call] = field(default_factory=set[Call])
    on_standing_end: list[Callable[[], None]] = field(default_factory=list[Callable[[], None]])
    cancelled: int = 0
    on_cancelled: list[Callable[[int], None]] = field(default_factory=list[Callable[[int], None]])
    ends_at: float | None = None

    def begin(self) -> None:
        """Start the drain: readiness fails, and every response closes its connection."""
        self.draining = True

    def in_flight(self) -> int:
        """Number of open exchanges without standing streams, which do not end by themselves."""
        return sum(not exchange.standing for exchange in self.exchanges)

    async def idle(self, within_seconds: float) -> bool:
        """Wait until no exchange is in flight; False if some are after `within_seconds`."""
        with anyio.move_on_after(within_seconds):
            while self.in_flight():
                await anyio.sleep(POLL_SECONDS)
        return self.in_flight() == 0

    def cancel_calls(self) -> int:
        """Cancel the running calls, each with a tool error; returns how many there were."""
        for call in self.calls:
            call.cancelled = True
            call.scope.cancel()
        number = len(self.calls)
        self.cancelled += number
        for callback in self.on_cancelled:
            callback(number)
        return number

    async def end_standing(self, within_seconds: float) -> bool:
        """Close all standing streams; False if some are still open after `within_seconds`.

        A proxy may open another one on a connection that it has kept, so it goes on until none is.
        """
        with anyio.move_on_after(within_seconds):
            while self.exchanges:
                for end in self.on_standing_end:
                    end()
                for exchange in self.exchanges:
                    if exchange.method == "GET":
                        exchange.hangup.set()
                await anyio.sleep(POLL_SECONDS)
        return not self.exchanges
