"""From SIGTERM to exit: what is in flight ends well, and nothing new begins."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import anyio

from .exchange import Exchange

POLL_SECONDS = 0.05


@dataclass(eq=False)
class Call:
    """A tool call being worked on, and the scope that ends it early."""

    scope: anyio.CancelScope
    cut: bool = False


@dataclass
class Drain:
    """What is in flight, and the order in which it ends.

    Attributes:
        on_standing_end: called once when standing streams are to end gracefully.
    """

    draining: bool = False
    exchanges: set[Exchange] = field(default_factory=set[Exchange])
    calls: set[Call] = field(default_factory=set[Call])
    on_standing_end: list[Callable[[], None]] = field(default_factory=list[Callable[[], None]])

    def begin(self) -> None:
        """Say no to readiness; responses from now on close their connection."""
        self.draining = True

    def in_flight(self) -> int:
        """Exchanges that end by themselves; standing streams do not."""
        return sum(not exchange.standing for exchange in self.exchanges)

    async def idle(self, within_seconds: float) -> bool:
        """Wait until nothing is in flight; False when `within_seconds` were not enough."""
        with anyio.move_on_after(within_seconds):
            while self.in_flight():
                await anyio.sleep(POLL_SECONDS)
        return self.in_flight() == 0

    def cut_calls(self) -> int:
        """End the calls that did not, each with a tool error; returns how many."""
        for call in self.calls:
            call.cut = True
            call.scope.cancel()
        return len(self.calls)

    async def end_standing(self, within_seconds: float) -> bool:
        """End standing streams from this side; False when some did not end in time."""
        for end in self.on_standing_end:
            end()
        with anyio.move_on_after(within_seconds):
            while self.exchanges:
                for exchange in self.exchanges:
                    if exchange.method == "GET":
                        exchange.hangup.set()
                await anyio.sleep(POLL_SECONDS)
        return not self.exchanges
