"""JSON-RPC with one process: requests, answers, and the messages that it sends by itself."""

from __future__ import annotations

import asyncio
import itertools
import json
import logging
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol, cast

import anyio
from mcp import MCPError
from mcp.server.subscriptions import SUBSCRIPTION_ID_META_KEY
from mcp_types import INTERNAL_ERROR, METHOD_NOT_FOUND

from ..logs import event
from ..request_filters import object_or_empty
from ..tracing import traceparent
from .calls import failed
from .lines import TooLong
from .process import ChildProcess, ProgramError
from .program_log import ProgramLog

CANCEL_WITHIN_SECONDS = 5
MOST_UNANSWERED = 10_000
Params = dict[str, Any]
Relay = Callable[[str, Params], Awaitable[None]]
"""Passes a notification (method, params) that belongs to a request on to its client."""


@dataclass(eq=False)
class Waiting:
    """A request that the process has not answered.

    Attributes:
        token: the progress token of the client, in place of which the process has `number`.
        logs: the least level of log messages that the client has asked for with this request.
    """

    number: int
    answer: asyncio.Future[Params]
    relay: Relay
    token: Any = None
    logs: str | None = None


class Receiver(Protocol):
    """Who handles what a process sends on its own."""

    async def notified(self, conversation: Conversation, method: str, params: Params, /) -> None:
        """Handle a notification that names no request."""

    async def asked(
        self, conversation: Conversation, number: Any, method: str, params: Params, /
    ) -> None:
        """Handle a request to the client; `Conversation.reply` answers it."""


class Conversation:
    """A process, and the requests that it has not answered.

    Attributes:
        waiting: by the id on the wire, which no two requests of a process share.
        unanswered: ids of cancelled requests without an answer. Late messages may be about them.
    """

    def __init__(self, child: ChildProcess, receiver: Receiver, log: ProgramLog) -> None:
        self.child = child
        self.receiver = receiver
        self.log = log
        self.waiting: dict[int, Waiting] = {}
        self.unanswered: set[int] = set()
        self.numbers = itertools.count(1)
        self.replies: set[asyncio.Task[None]] = set()
        child.on_line = self._line
        self.end = asyncio.create_task(self._follow_end())

    async def submit(
        self, method: str, params: Mapping[str, Any], relay: Relay, logs: str | None = None
    ) -> Waiting:
        """Send a request; raises `MCPError` if the process has ended."""
        number = next(self.numbers)
        answer: asyncio.Future[Params] = asyncio.get_running_loop().create_future()
        waiting = Waiting(number, answer, relay, logs=logs)
        meta = object_or_empty(params.get("_meta"))
        own: Params = {}
        if "progressToken" in meta:
            waiting.token = meta["progressToken"]
            own["progressToken"] = number
        if (trace := traceparent()) is not None:
            own["traceparent"] = trace
        if own:
            params = {**params, "_meta": {**meta, **own}}
        message = {"jsonrpc": "2.0", "id": number, "method": method}
        self.waiting[number] = waiting
        try:
            await self.child.send(message | ({"params": dict(params)} if params else {}))
        except ProgramError as error:
            self.waiting.pop(number, None)
            raise failed(f"the request was not sent: {error}") from None
        except BaseException:
            self._abandon(waiting)
            raise
        return waiting

    async def answer(self, waiting: Waiting) -> Params:
        """Wait for the result; raises `MCPError`. When cancelled, it cancels the request."""
        try:
            return await waiting.answer
        except asyncio.CancelledError:
            self._abandon(waiting)
            told = {"requestId": waiting.number, "reason": "The client does not wait for it"}
            with anyio.move_on_after(CANCEL_WITHIN_SECONDS, shield=True):
                await self.notify("notifications/cancelled", told)
            raise
        finally:
            self.waiting.pop(waiting.number, None)

    async def request(self, method: str, params: Mapping[str, Any], relay: Relay) -> Params:
        """Send a request and wait for its result; raises `MCPError`."""
        return await self.answer(await self.submit(method, params, relay))

    async def notify(self, method: str, params: Mapping[str, Any] | None) -> None:
        """Send a notification; nothing happens if the process has ended."""
        message: dict[str, Any] = {"jsonrpc": "2.0", "method": method}
        try:
            await self.child.send(message | ({} if params is None else {"params": dict(params)}))
        except ProgramError:
            event("notification_unsent", logging.DEBUG, child=self.child.number)

    def reply(self, number: Any, **content: Any) -> None:
        """Answer a request of the process with `result` or `error`, without waiting for it."""

        async def send() -> None:
            try:
                await self.child.send({"jsonrpc": "2.0", "id": number, **content})
            except ProgramError:
                event("reply_unsent", logging.DEBUG, child=self.child.number)

        task = asyncio.create_task(send())
        self.replies.add(task)
        task.add_done_callback(self.replies.discard)

    def refuse(self, number: Any, method: str, why: str) -> None:
        """Refuse a request of the process."""
        error = {"code": METHOD_NOT_FOUND, "message": f"{method} cannot reach the client: {why}"}
        self.reply(number, error=error)

    async def stop(self, within_seconds: float) -> None:
        """End the process."""
        await self.child.stop(within_seconds)
        await self.end

    def _abandon(self, waiting: Waiting) -> None:
        self.waiting.pop(waiting.number, None)
        if len(self.unanswered) < MOST_UNANSWERED:
            self.unanswered.add(waiting.number)

    async def _follow_end(self) -> None:
        await self.child.ended.wait()
        for waiting in list(self.waiting.values()):
            if not waiting.answer.done():
                waiting.answer.set_exception(
                    failed(f"the request was not answered: {self.child.status()}")
                )

    async def _line(self, line: bytes | TooLong) -> None:
        if isinstance(line, TooLong):
            self._refuse_long(line)
            return
        if not line.strip():
            return
        try:
            message = object_or_empty(json.loads(line))
        except (ValueError, RecursionError):
            message = {}
        number, method = message.get("id"), message.get("method")
        if message.get("jsonrpc") != "2.0" or (method is None and number is None):
            self.log.write("program_stdout_ignored", line, self.child.number)
        elif not isinstance(method, str):
            self._answered(number, message)
        elif "id" in message:
            params = object_or_empty(message.get("params"))
            await self.receiver.asked(self, number, method, params)
        else:
            await self._notified(method, object_or_empty(message.get("params")))

    def _refuse_long(self, line: TooLong) -> None:
        number = line.answered()
        event("program_message_too_long", logging.WARNING, child=self.child.number, bytes=line.size)
        waiting = self.waiting.get(number) if number is not None else None
        if waiting is not None and not waiting.answer.done():
            said = f"The program's answer has {line.size} bytes, more than the bridge passes on"
            waiting.answer.set_exception(MCPError(INTERNAL_ERROR, said))

    def _answered(self, number: Any, message: dict[str, Any]) -> None:
        waiting = self.waiting.get(number) if type(number) is int else None
        if waiting is None:
            if type(number) is int:
                self.unanswered.discard(number)
            return
        if waiting.answer.done():
            return
        result, error = message.get("result"), message.get("error")
        if isinstance(result, dict):
            waiting.answer.set_result(cast("Params", result))
        elif isinstance(error, dict):
            waiting.answer.set_exception(_error(cast("Params", error)))
        else:
            waiting.answer.set_exception(
                MCPError(INTERNAL_ERROR, "The program's answer has no result and no error")
            )

    async def _notified(self, method: str, params: Params) -> None:
        tag = object_or_empty(params.get("_meta")).get(SUBSCRIPTION_ID_META_KEY)
        token = params.get("progressToken") if method == "notifications/progress" else tag
        if token is None:
            await self.receiver.notified(self, method, params)
            return
        waiting = self.waiting.get(token) if type(token) is int else None
        if waiting is None:
            return  # of a request that is over
        if method == "notifications/progress":
            if waiting.token is None:
                return
            params = {**params, "progressToken": waiting.token}
        await waiting.relay(method, params)


def _error(error: Params) -> MCPError:
    code, message = error.get("code"), error.get("message")
    return MCPError(
        code if type(code) is int else INTERNAL_ERROR,
        message if isinstance(message, str) else "The program's error has no message",
        error.get("data"),
    )
