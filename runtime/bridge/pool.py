"""Keeps the shared processes of the program running, and starts them again when they end."""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from collections.abc import Awaitable, Callable
from typing import Any

import anyio
from mcp import MCPError
from mcp.server.subscriptions import InMemorySubscriptionBus
from mcp.shared.subscriptions import event_from_wire

from ..logs import event
from ..request_filters import object_or_empty
from .backoff import Backoff
from .calls import failed
from .conversation import Conversation, Params
from .options import BridgeOptions
from .process import ChildProcess, ProgramError
from .program_log import ProgramLog
from .shared import Shared, greet, nowhere

NO_CLIENT = (
    "the program is shared by all clients of MCP 2026-07-28. Clients with a session can be asked"
)
OnReady = Callable[[Shared], Awaitable[None]]


class Pool:
    """The shared processes.

    Attributes:
        bus: what a program of an older revision reports: changed lists and resources.
        subscribed: how many streams want to know of changes of a resource, by its URI.
        ask_first: whether a new process is asked for the newest revision first.
        on_ready: called with each process that is ready, before requests use it.
    """

    def __init__(
        self, command: tuple[str, ...], options: BridgeOptions, log: ProgramLog, on_ready: OnReady
    ) -> None:
        self.command = command
        self.options = options
        self.log = log
        self.on_ready = on_ready
        self.bus = InMemorySubscriptionBus()
        self.subscribed: Counter[str] = Counter()
        self.ask_first = True
        self.members = [Member(self) for _ in range(options.shared_children)]
        self.changed = anyio.Event()

    async def run(self) -> None:
        """Keep the processes running until cancelled, then end them."""
        async with anyio.create_task_group() as tasks:
            for member in self.members:
                tasks.start_soon(member.run)

    def running(self) -> list[Shared]:
        """The processes that answer requests."""
        return [member.shared for member in self.members if member.shared is not None]

    def failure(self) -> str | None:
        """Why no process runs, once the program has failed to start; None while one may."""
        failures = [member.failure for member in self.members]
        return None if self.running() or None in failures else failures[0]

    async def pick(self) -> Shared:
        """The process with the fewest open requests; raises `MCPError` if there is none."""
        with anyio.move_on_after(self.options.start_seconds):
            while True:
                if running := self.running():
                    return min(running, key=lambda shared: len(shared.conversation.waiting))
                if (why := self.failure()) is not None:
                    raise failed(f"the program is not running: {why}; it is started again")
                await self.changed.wait()
        raise failed("the program has not started in time; try again")

    async def subscribe(self, uri: str) -> None:
        """Have the programs of older revisions report changes of a resource."""
        self.subscribed[uri] += 1
        if self.subscribed[uri] == 1:
            for shared in self.running():
                await self.tell(shared, "resources/subscribe", uri)

    async def unsubscribe(self, uri: str) -> None:
        """End one `subscribe`."""
        self.subscribed[uri] -= 1
        if not self.subscribed[uri]:
            del self.subscribed[uri]
            for shared in self.running():
                await self.tell(shared, "resources/unsubscribe", uri)

    async def tell(self, shared: Shared, method: str, uri: str) -> None:
        """Send a request about a resource, where the program has subscriptions."""
        if shared.initialized is None:
            return
        if object_or_empty(shared.capabilities.get("resources")).get("subscribe") is not True:
            return
        try:
            with anyio.fail_after(self.options.start_seconds):
                await shared.conversation.request(method, {"uri": uri}, nowhere)
        except (MCPError, TimeoutError):
            event("resource_subscription_failed", logging.WARNING, rpc_method=method)

    def wake(self) -> None:
        """Let `pick` look again."""
        self.changed.set()
        self.changed = anyio.Event()


class Member:
    """One shared process and its successors.

    Attributes:
        failure: how the program ended, from its second end without a steady run on.
    """

    def __init__(self, pool: Pool) -> None:
        self.pool = pool
        self.shared: Shared | None = None
        self.failure: str | None = None
        self.backoff = Backoff()
        self.refresh: asyncio.Task[None] | None = None

    async def run(self) -> None:
        """Start the program, and start it again each time it ends, until cancelled."""
        while True:
            try:
                why, ran = await self._one()
            except ProgramError as error:
                why, ran = str(error), 0.0
                self.backoff.ends = max(self.backoff.ends, 1)  # it never worked: no fast restart
            delay = self.backoff.ended(ran)
            self.failure = why if delay else None
            event("program_ended", logging.WARNING, reason=why, starts_in_seconds=delay)
            self.pool.wake()
            await anyio.sleep(delay)

    async def _one(self) -> tuple[str, float]:
        """Run one process to its end; returns how it ended and how long it ran."""
        pool, options = self.pool, self.pool.options
        child = await ChildProcess.start(pool.command, pool.log, options.max_message_bytes)
        conversation = Conversation(child, self, pool.log)
        try:
            try:
                shared = await greet(conversation, options.start_seconds, ask_first=pool.ask_first)
            except TimeoutError:
                pool.ask_first = False
                raise ProgramError("server/discover had no answer; initialize is next") from None
            await pool.on_ready(shared)
            for uri in list(pool.subscribed):
                await pool.tell(shared, "resources/subscribe", uri)
            self.shared, self.failure = shared, None
            pool.wake()
            await child.ended.wait()
            return child.status(), child.ran_seconds()
        finally:
            self.shared = None
            with anyio.CancelScope(shield=True):
                await conversation.stop(options.stop_seconds)

    async def notified(self, conversation: Conversation, method: str, params: Params) -> None:
        """Pass a notification of the program to the clients that it concerns."""
        shared = self.shared
        if shared is None or shared.conversation is not conversation:
            return
        if method == "notifications/message":
            waiting = shared.asked_for(params.get("level"))
            if waiting is not None:
                await waiting.relay(method, params)
        elif shared.initialized is not None:
            changed = event_from_wire(method, params)
            if changed is not None:
                await self.pool.bus.publish(changed)
            if method == "notifications/tools/list_changed" and (
                self.refresh is None or self.refresh.done()
            ):
                # In a task: the answer is read by the task that runs this.
                self.refresh = asyncio.create_task(self._refresh(shared))

    async def _refresh(self, shared: Shared) -> None:
        await self.pool.on_ready(shared)

    async def asked(self, conversation: Conversation, number: Any, method: str, _: Params) -> None:
        """Refuse a request of the program, except `ping`."""
        if method == "ping":
            conversation.reply(number, result={})
        else:
            conversation.refuse(number, method, NO_CLIENT)
