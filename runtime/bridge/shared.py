"""A process of the program that all modern requests share, from its first answer on."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

import anyio
from mcp import MCPError

from ..logs import event
from ..request_filters import object_or_empty
from . import eras
from .conversation import Conversation, Params, Relay, Waiting
from .process import ProgramError

LEVELS: Final = (
    *("debug", "info", "notice", "warning"),
    *("error", "critical", "alert", "emergency"),
)


async def nowhere(_: str, __: Params) -> None:
    """Relay of the bridge's own requests."""


@dataclass(eq=False)
class Shared:
    """A process that has answered its first request.

    Attributes:
        initialized: the result of `initialize` if the program speaks only older revisions.
    """

    conversation: Conversation
    initialized: Params | None = None
    capabilities: Params = field(default_factory=dict[str, Any])

    async def request(
        self, method: str, params: Mapping[str, Any] | None, relay: Relay, logs: str | None
    ) -> Params:
        """Ask the program in the revision that it speaks; raises `MCPError`."""
        eras.check_method(method)
        if self.initialized is None:
            waiting = await self.conversation.submit(method, params or {}, relay, logs)
            return await self.conversation.answer(waiting)
        if method == "server/discover":
            return eras.discovered(self.initialized)
        sent = eras.params_to_legacy(params)
        try:
            waiting = await self.conversation.submit(method, sent, relay, logs)
            result = await self.conversation.answer(waiting)
        except MCPError as error:
            raise eras.error_to_modern(error) from None
        return eras.result_to_modern(method, result, self.initialized)

    def asked_for(self, level: object) -> Waiting | None:
        """The request that a log message of this level belongs to; None if it cannot be told.

        Log messages name no request. So one is passed on only if no other request, open or
        cancelled, can be the cause: it could contain data of another client.
        """
        waiting = list(self.conversation.waiting.values())
        asking = [one for one in waiting if one.logs is not None]
        # A modern program logs only for requests that ask for it.
        possible = asking if self.initialized is None else waiting
        if self.conversation.unanswered or len(possible) != 1 or possible != asking:
            return None
        [one] = asking
        known = level in LEVELS and one.logs in LEVELS
        return one if known and LEVELS.index(str(level)) >= LEVELS.index(str(one.logs)) else None


async def greet(conversation: Conversation, within_seconds: float, *, ask_first: bool) -> Shared:
    """Find out which revision the program speaks, the newest first; raises `ProgramError`.

    Args:
        ask_first: send `server/discover`. Programs that answer nothing before `initialize` need a
            process without it.

    Raises:
        TimeoutError: `server/discover` had no answer.
    """
    if ask_first:
        with anyio.fail_after(within_seconds / 2):
            try:
                found = await conversation.request("server/discover", eras.discovery(), nowhere)
            except MCPError as error:
                if conversation.child.ended.is_set():
                    raise ProgramError(error.error.message) from None
                found = {}
        if eras.speaks_modern(found):
            event("program_ready", child=conversation.child.number, era="modern")
            return Shared(conversation, capabilities=object_or_empty(found.get("capabilities")))
    try:
        with anyio.fail_after(within_seconds):
            found = await conversation.request("initialize", eras.handshake(), nowhere)
    except MCPError as error:
        raise ProgramError(f"initialize failed: {error.error.message}") from None
    except TimeoutError:
        raise ProgramError(f"initialize had no answer within {within_seconds:g} s") from None
    await conversation.notify("notifications/initialized", None)
    revision = found.get("protocolVersion")
    event("program_ready", child=conversation.child.number, era="legacy", revision=str(revision))
    return Shared(conversation, found, object_or_empty(found.get("capabilities")))
