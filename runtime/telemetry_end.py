"""Sends the spans and copies of log lines that wait when the server ends."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from threading import Thread
from typing import Final

import anyio

from .drain import Drain
from .lost_telemetry import LostTelemetry

LEAST_SECONDS: Final = 1.0
"""The time that they have after a drain that took all of its own."""
POLL_SECONDS: Final = 0.02


@dataclass(frozen=True)
class Sender:
    """What sends one signal.

    Attributes:
        shutdown: sends what waits.
        seconds: the longest that it may take.
    """

    shutdown: Callable[[], None]
    seconds: float
    lost: LostTelemetry


@dataclass(frozen=True)
class Senders:
    """Those of a program."""

    drain: Drain
    every: list[Sender] = field(default_factory=list[Sender])

    async def end(self) -> None:
        """Wait for all of them."""
        # Not those of anyio: Python would wait for them before it ends.
        threads = [Thread(target=one.shutdown, daemon=True) for one in self.every]
        for thread in threads:
            thread.start()
        seconds = max(one.seconds for one in self.every)
        if self.drain.ends_at is not None:
            left = self.drain.ends_at - anyio.current_time()
            seconds = min(seconds, max(left, LEAST_SECONDS))
        with anyio.move_on_after(seconds, shield=True):
            while any(thread.is_alive() for thread in threads):
                await anyio.sleep(POLL_SECONDS)
        for one in self.every:
            one.lost.end()


@asynccontextmanager
async def sending(drain: Drain) -> AsyncGenerator[Senders]:
    """At the end of the block wait for all senders at once, and tell what is lost.

    They have `seconds`, but no longer than the drain and `LEAST_SECONDS`.
    """
    senders = Senders(drain)
    try:
        yield senders
    finally:
        if senders.every:
            await senders.end()
