"""Measures how long it takes until most nodes have proven their keys to this one.

The stand-in agrees on nothing. What can be measured of its network is the exchange that an
agreement would begin with: a round asks every other node for a key exchange, and is decided when
most of the nodes, this one included, have proven their keys.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import AsyncGenerator

import anyio
from prometheus_client import CollectorRegistry, Counter, Gauge

from .qudag_stand_in import StandInNode

ROUND_EVERY_SECONDS = 10


class Rounds:
    """The rounds of a node with peers, and their metrics."""

    def __init__(self, node: StandInNode, registry: CollectorRegistry) -> None:
        self.node = node
        self.latency = Gauge(
            "qudag_consensus_latency",
            "Seconds of the last round: until most nodes had proven their keys, or it failed.",
            registry=registry,
        )
        self.latency.set(float("nan"))
        self.rounds = Counter(
            "qudag_consensus_rounds",
            "Rounds of key exchanges with all other nodes.",
            registry=registry,
        )
        self.decisions = Counter(
            "qudag_consensus_decisions",
            "Rounds in which most nodes have proven their keys.",
            registry=registry,
        )

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncGenerator[None]:
        """A round every ten seconds, until the context ends."""
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(self._repeat)
            yield
            tasks.cancel_scope.cancel()

    async def _repeat(self) -> None:
        while True:
            await anyio.sleep(ROUND_EVERY_SECONDS)
            await self.measure()

    async def measure(self) -> None:
        """One round. Without another node there is nothing to agree on, and nothing is counted."""
        began = time.perf_counter()
        proven: list[float] = []
        silent = 0

        async def ask(peer: str) -> None:
            nonlocal silent
            found = await self.node.asked(peer)
            if found.proven and self.node.is_itself(found):
                return
            if found.proven:
                proven.append(time.perf_counter() - began)
            else:
                silent += 1

        async with anyio.create_task_group() as tasks:
            for peer in self.node.config.network.peers:
                tasks.start_soon(ask, peer)
        nodes = len(proven) + silent + 1
        needed = nodes // 2  # of the others: with this one they are more than half
        if not needed:
            return
        self.rounds.inc()
        if len(proven) < needed:
            self.latency.set(time.perf_counter() - began)
            return
        self.decisions.inc()
        self.latency.set(sorted(proven)[needed - 1])
