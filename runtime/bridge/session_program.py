"""The program of one session: started again when it has ended, in the state of the session."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping
from typing import Any

import anyio
from mcp import MCPError

from ..logs import event
from .backoff import Backoff
from .calls import failed
from .conversation import Conversation, Params, Receiver, Relay
from .options import BridgeOptions
from .process import ChildProcess, ProgramError
from .program_log import ProgramLog
from .shared import nowhere


class SessionProgram:
    """The process of a session, and its successors.

    A successor gets the client's `initialize` again, and its last `logging/setLevel` and
    subscriptions. Whatever else the process kept for the session is lost. So the client gets one
    error after each end, with a request that was open or with the next one.

    Attributes:
        opening: the parameters of `initialize`, once it has succeeded.
        settings: requests to repeat: by method and resource, the parameters.
        lost: how the process ended, until a client has been told.
    """

    def __init__(
        self,
        command: tuple[str, ...],
        options: BridgeOptions,
        log: ProgramLog,
        receiver: Receiver,
    ) -> None:
        self.command = command
        self.options = options
        self.log = log
        self.receiver = receiver
        self.backoff = Backoff()
        self.current: Conversation | None = None
        self.opening: Params | None = None
        self.settings: dict[tuple[str, str], Params] = {}
        self.lost: str | None = None
        self.starting = asyncio.Lock()
        self.watching: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Start a process; raises `ProgramError`."""
        child = await ChildProcess.start(self.command, self.log, self.options.max_message_bytes)
        self.current = Conversation(child, self.receiver, self.log)
        self.watching = asyncio.create_task(self._watch(self.current))

    async def request(self, method: str, params: Params, relay: Relay) -> Params:
        """Pass a request on; raises `MCPError`."""
        conversation = await self._running()
        waiting = await conversation.submit(method, params, relay)
        result = await conversation.answer(waiting)
        self._keep(method, params)
        return result

    async def notify(self, method: str, params: Mapping[str, Any] | None) -> None:
        """Pass a notification on; nothing happens while no process runs."""
        if self.current is not None:
            await self.current.notify(method, params)

    async def stop(self) -> None:
        """End the process."""
        if self.watching is not None:
            self.watching.cancel()
        if self.current is not None:
            await self.current.stop(self.options.stop_seconds)

    def _keep(self, method: str, params: Params) -> None:
        uri = str(params.get("uri"))
        match method:
            case "initialize":
                self.opening = params
            case "logging/setLevel" | "resources/subscribe":
                self.settings[method, uri] = params
            case "resources/unsubscribe":
                self.settings.pop(("resources/subscribe", uri), None)
            case _:
                pass

    async def _watch(self, conversation: Conversation) -> None:
        await conversation.child.ended.wait()
        self._note_end(conversation)
        await conversation.stop(self.options.stop_seconds)

    def _note_end(self, conversation: Conversation) -> None:
        if self.current is not conversation:
            return
        child = conversation.child
        # With an open request its error tells the client; else the next request does.
        self.lost = None if conversation.waiting else child.status()
        delay = self.backoff.ended(child.ran_seconds())
        event(
            "program_ended",
            logging.WARNING,
            child=child.number,
            reason=child.status(),
            starts_in_seconds=delay,
        )
        self.current = None

    async def _running(self) -> Conversation:
        """The process of the session, started again if there is none; raises `MCPError`."""
        async with self.starting:
            if self.current is not None:
                if not self.current.child.ended.is_set():
                    return self.current
                self._note_end(self.current)
            if self.opening is None:
                raise failed("the program ended before it answered initialize")
            if self.lost is not None:
                why, self.lost = self.lost, None
                raise failed(
                    f"{why}, and what it kept for this session is lost. The next request starts "
                    "it again"
                )
            if (seconds := self.backoff.remaining()) > 0:
                raise failed(f"the program ends again and again. It can start in {seconds:.1f} s")
            return await self._again()

    async def _again(self) -> Conversation:
        try:
            await self.start()
            assert self.current is not None
            conversation = self.current
            with anyio.fail_after(self.options.start_seconds):
                await conversation.request("initialize", self.opening or {}, nowhere)
                await conversation.notify("notifications/initialized", None)
                for (method, _), params in list(self.settings.items()):
                    await conversation.request(method, params, nowhere)
        except (ProgramError, MCPError, TimeoutError) as error:
            why = str(error) or "it had no answer in time"
            raise failed(f"the program could not be started again: {why}") from None
        else:
            return conversation
