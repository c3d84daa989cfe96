"""From a blocking call with one request to the application's event loop, and back in pieces."""

from __future__ import annotations

import asyncio
import json
import queue
import threading
import time
from collections.abc import Callable, Coroutine, Generator, Iterator
from dataclasses import dataclass, field
from typing import Any, TypeVar

from starlette.types import ASGIApp, Message

from ..logs import log

ENDS_WITHIN_SECONDS = 1.0
"""What a request that was cut may still take for its last steps; then it is left to itself."""
PARTS_AHEAD = 16
"""Messages that an application may send before the first is taken: then its `send` waits."""
Result = TypeVar("Result")


@dataclass(frozen=True, kw_only=True)
class Request:
    """One HTTP request.

    Attributes:
        path: percent-decoded.
        headers: names in any case, repeated where the request repeats them.
    """

    method: str
    path: str
    query: str = ""
    headers: list[tuple[str, str]] = field(default_factory=list[tuple[str, str]])
    body: bytes = b""


class CutError(Exception):
    """The rest of an answer will not come.

    Attributes:
        status: 504 where its time is over, 500 where the application failed at it.
    """

    def __init__(self, status: int, why: str) -> None:
        super().__init__(why)
        self.status = status


class Answer:
    """One HTTP response, whose body is being made.

    Attributes:
        headers: names in lower case, repeated where the response repeats them.
        close: ends the making of what nobody will read; nothing once all is read.
    """

    def __init__(
        self,
        status: int,
        headers: list[tuple[str, str]],
        pieces: Iterator[bytes],
        close: Callable[[], None] = lambda: None,
    ) -> None:
        self.status = status
        self.headers = headers
        self.pieces = pieces
        self.close = close

    def body(self) -> bytes:
        """The whole body, once it is there; raises `CutError`."""
        return b"".join(self.pieces)

    @classmethod
    def of(cls, cut: CutError) -> Answer:
        """What is said in place of an answer that will not come."""
        body = json.dumps({"error": str(cut)}).encode()
        return cls(cut.status, [("content-type", "application/json")], iter([body]))


class Bridge:
    """Carries requests into an event loop that runs in a thread for as long as the process does."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app
        self.loop = asyncio.new_event_loop()
        threading.Thread(target=self.loop.run_forever, name="bridge", daemon=True).start()

    def run(self, work: Coroutine[Any, Any, Result], within_seconds: float) -> Result:
        """The result of `work` in the loop; raises `TimeoutError`, by when it is cancelled."""
        limited = asyncio.run_coroutine_threadsafe(_within(work, within_seconds), self.loop)
        # The second limit is for a loop that something blocks, whose own timers stand still.
        return limited.result(max(0.0, within_seconds) + ENDS_WITHIN_SECONDS)

    def ask(self, request: Request, within_seconds: float) -> Answer:
        """The answer as soon as its status is known; its last piece follows the application's end.

        What is not answered within `within_seconds` is answered with 504, and cancelled. Who does
        not read an answer to its end closes it.
        """
        exchange = _Exchange(request, time.monotonic() + within_seconds, self.loop)
        exchange.task = asyncio.run_coroutine_threadsafe(exchange.run(self.app), self.loop)
        pieces = exchange.pieces()
        try:
            first = next(pieces)
        except CutError as cut:
            return Answer.of(cut)
        headers = [
            (name.decode().lower(), value.decode("latin-1"))
            for name, value in first["headers"]
            if name.lower() != b"connection"  # that of the host to its client is the host's
        ]
        bodies = (piece.get("body", b"") for piece in pieces)
        return Answer(first["status"], headers, bodies, pieces.close)


async def _within(work: Coroutine[Any, Any, Result], seconds: float) -> Result:
    """The result of `work`; raises `TimeoutError` once it has ended, or does not end at all."""
    task = asyncio.ensure_future(work)
    if not (await asyncio.wait([task], timeout=seconds))[0]:
        task.cancel()
        if not (await asyncio.wait([task], timeout=ENDS_WITHIN_SECONDS))[0]:
            log.warning("request_goes_on")
        raise TimeoutError
    return task.result()


class _Exchange:
    """A request under way: its messages cross the threads in `parts`, None after the last."""

    def __init__(self, request: Request, deadline: float, loop: asyncio.AbstractEventLoop) -> None:
        self.request = request
        self.deadline = deadline
        self.loop = loop
        self.room = asyncio.Semaphore(PARTS_AHEAD)
        self.task: Any = None
        self.parts: queue.SimpleQueue[Message | None] = queue.SimpleQueue()
        self.complete = False
        self.unread = [request.body]

    async def run(self, app: ASGIApp) -> None:
        try:
            await app(self._scope(), self._receive, self._send)
        except Exception:
            log.exception("request_crashed")
        finally:
            self.parts.put(None)

    def pieces(self) -> Generator[Message]:
        """The response's messages; raises `CutError`. Closed before the last, it cuts the rest."""
        ended = False
        try:
            while (part := self._next()) is not None:
                yield part
            ended = True
        finally:
            if not ended:
                self._cut()
        if not self.complete:
            raise CutError(500, "the server failed at this request")

    def _next(self) -> Message | None:
        try:
            part = self.parts.get(timeout=max(0.0, self.deadline - time.monotonic()))
        except queue.Empty:
            raise CutError(504, "the host's time for a request is over") from None
        self.loop.call_soon_threadsafe(self.room.release)
        return part

    def _cut(self) -> None:
        """Cancel, and let what ends with the request end: a host may freeze the process next."""
        self.task.cancel()
        patience = time.monotonic() + ENDS_WITHIN_SECONDS
        try:
            while self.parts.get(timeout=max(0.0, patience - time.monotonic())) is not None:
                pass
        except queue.Empty:
            log.warning("request_goes_on")

    def _scope(self) -> dict[str, Any]:
        headers = [
            (n.lower().encode("latin-1"), v.encode("latin-1")) for n, v in self.request.headers
        ]
        return {
            "type": "http",
            "asgi": {"version": "3.0", "spec_version": "2.3"},
            "http_version": "1.1",
            "method": self.request.method,
            "scheme": "https",  # no host hands over what came unencrypted
            "path": self.request.path,
            "raw_path": self.request.path.encode(),
            "query_string": self.request.query.encode(),
            "root_path": "",
            "headers": headers,
            "client": None,
            "server": None,
        }

    async def _receive(self) -> Message:
        if self.unread:
            return {"type": "http.request", "body": self.unread.pop(), "more_body": False}
        await asyncio.Event().wait()  # no such host tells when its client goes
        raise AssertionError

    async def _send(self, part: Message) -> None:
        await self.room.acquire()
        self.complete = part["type"] == "http.response.body" and not part.get("more_body", False)
        self.parts.put(part)
