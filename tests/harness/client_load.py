"""Many official MCP clients at the same time, and counts of how their calls and streams ended."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass, field
from functools import partial

import anyio
from mcp.client.subscriptions import SubscriptionLost
from mcp.shared.dispatcher import ProgressFnT
from mcp.shared.exceptions import MCPError

from components.base.problems import ProblemReport
from delivery.mcp_client import Endpoint, Era, connected

STEPS = 5
"""Progress events of one call, one per second."""
TRIES = 3
"""Attempts to connect: a client may hit a pod that is being replaced."""


@dataclass
class CallOutcomes:
    """Counts of calls and streams.

    Attributes:
        open_calls, open_streams: currently open.
        calls: calls with a complete answer.
        ends: streams that ended gracefully and were opened again.
        lost: calls, streams and sessions that ended in another way.
    """

    open_calls: int = 0
    open_streams: int = 0
    calls: int = 0
    ends: int = 0
    lost: list[str] = field(default_factory=list[str])


@dataclass
class ClientLoad:
    """Clients that call tools or hold subscriptions until `stop` is set.

    Attributes:
        endpoints: one for each client, with a token of a user of its own.
    """

    endpoints: Iterator[Endpoint]
    stop: anyio.Event = field(default_factory=anyio.Event)
    account: CallOutcomes = field(default_factory=CallOutcomes)

    async def call(self, era: Era) -> None:
        """Run one client that calls a tool repeatedly."""
        await self._going_on(partial(self._calls, next(self.endpoints), era))

    async def listen(self) -> None:
        """Run one client that keeps a subscription open."""
        await self._going_on(partial(self._listens, next(self.endpoints)))

    async def _going_on(self, work: Callable[[anyio.Event], Awaitable[None]]) -> None:
        failures = 0
        while not self.stop.is_set():
            connected_once = anyio.Event()
            try:
                await work(connected_once)
                failures = 0
            except ProblemReport as report:
                failures += 1
                if connected_once.is_set():
                    self.account.lost.append(f"a connection in use: {report}")
                elif failures == TRIES:
                    self.account.lost.append(f"cannot connect: {report}")
                    return
            except ExceptionGroup as group:
                # A client that closes after `stop` may get the answer to a request that it has
                # cancelled: the SDK raises then. Nothing of this load was open any more.
                if not self.stop.is_set() or group.split(anyio.BrokenResourceError)[1] is not None:
                    raise

    async def _calls(self, endpoint: Endpoint, era: Era, connected_once: anyio.Event) -> None:
        account = self.account
        async with connected(endpoint, era) as client:
            connected_once.set()
            listed = False
            while not self.stop.is_set():
                seen: list[float] = []
                account.open_calls += 1
                try:
                    if (
                        not listed
                    ):  # else the client asks after its first answer, and may be too late
                        await client.list_tools()
                        listed = True
                    arguments = {"to": STEPS, "pause_seconds": 1}
                    result = await client.call_tool(
                        "count", arguments, progress_callback=_into(seen)
                    )
                except Exception as error:
                    account.lost.append(f"{era.value} call: {error!r} after {len(seen)} events")
                    return
                finally:
                    account.open_calls -= 1
                if result.is_error or seen != [*range(1, STEPS + 1)]:
                    account.lost.append(f"{era.value} call: {result} after {seen}")
                account.calls += 1

    async def _listens(self, endpoint: Endpoint, connected_once: anyio.Event) -> None:
        account = self.account
        async with connected(endpoint, Era.MODERN) as client:
            connected_once.set()
            while not self.stop.is_set():
                try:
                    async with client.listen(tools_list_changed=True) as events:
                        account.open_streams += 1
                        try:
                            async with anyio.create_task_group() as tasks:
                                tasks.start_soon(self._until_stop, tasks.cancel_scope)
                                async for _ in events:
                                    pass
                                account.ends += 1
                                tasks.cancel_scope.cancel()
                        finally:
                            account.open_streams -= 1
                except* SubscriptionLost as lost:
                    account.lost.append(f"stream: {lost.exceptions[0]}")
                except* MCPError as error:
                    account.lost.append(f"stream: not opened: {error.exceptions[0]}")

    async def _until_stop(self, scope: anyio.CancelScope) -> None:
        await self.stop.wait()
        scope.cancel()


def _into(seen: list[float]) -> ProgressFnT:
    async def note(progress: float, total: float | None, message: str | None) -> None:
        seen.append(progress)

    return note
