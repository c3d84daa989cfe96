"""Passes requests from blocking code to an ASGI application in an event loop in another thread."""

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
"""How long a cancelled request may take to clean up before it is left alone."""
PARTS_AHEAD = 16
"""Number of messages that an application can send before the reader takes one; more wait."""
Result = TypeVar("Result")


@dataclass(frozen=True, kw_only=True)
class Request:
    """An HTTP request.

    Attributes:
        path: percent-decoded.
        headers: pairs of name (in any case) and value; names can repeat.
        client: the client's address, where the host tells it apart from the headers.
    """

    method: str
    path: str
    query: str = ""
    headers: list[tuple[str, str]] = field(default_factory=list[tuple[str, str]])
    body: bytes = b""
    client: str | None = None


class CutError(Exception):
    """The response ended before it was complete.

    Attributes:
        status: 504 if the time was over, 500 if the application failed.
    """

    def __init__(self, status: int, why: str) -> None:
        super().__init__(why)
        self.status = status


class Answer:
    """An HTTP response whose body is still being produced.

    Attributes:
        headers: pairs of name (in lower case) and value; names can repeat.
        close: cancels the request if the body has not been read to its end.
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
        """Wait for the whole body and return it; raises `CutError`."""
        return b"".join(self.pieces)

    @classmethod
    def of(cls, cut: CutError) -> Answer:
        """An error response in place of the one that was cut."""
        body = json.dumps({"error": str(cut)}).encode()
        return cls(cut.status, [("content-type", "application/json")], iter([body]))


class Bridge:
    """Runs an event loop in a thread for the life of the process, and passes requests to it."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app
        self.loop = asyncio.new_event_loop()
        threading.Thread(target=self.loop.run_forever, name="bridge", daemon=True).start()

    def run(self, work: Coroutine[Any, Any, Result], within_seconds: float) -> Result:
        """Run `work` in the loop and return its result; cancels it and raises `TimeoutError`."""
        limited = asyncio.run_coroutine_threadsafe(_within(work, within_seconds), self.loop)
        # The second timeout works even if the loop is blocked and its own timers do not run.
        return limited.result(max(0.0, within_seconds) + ENDS_WITHIN_SECONDS)

    def ask(self, request: Request, within_seconds: float) -> Answer:
        """Send a request; returns the response as soon as its status is known.

        After `within_seconds` the request is cancelled and answered with 504. The last piece of
        the body comes only after the application has ended. A caller that does not read the body
        to its end must call `close`.
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
            if name.lower() != b"connection"  # the host manages its connection to the client
        ]
        bodies = (piece.get("body", b"") for piece in pieces)
        return Answer(first["status"], headers, bodies, pieces.close)


async def _within(work: Coroutine[Any, Any, Result], seconds: float) -> Result:
    """Await `work`; after `seconds` cancel it, wait for its clean-up and raise `TimeoutError`."""
    task = asyncio.ensure_future(work)
    if not (await asyncio.wait([task], timeout=seconds))[0]:
        task.cancel()
        if not (await asyncio.wait([task], timeout=ENDS_WITHIN_SECONDS))[0]:
            log.warning("request_goes_on")
        raise TimeoutError
    return task.result()


class _Exchange:
    """An open request. `parts` carries its messages between the threads, then None."""

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
        """The messages of the response; raises `CutError`. Closing it early cancels the request."""
        ended = False
        try:
            while (part := self._next()) is not None:
                yield part
            ended = True
        finally:
            if not ended:
                self._cut()
        if not self.complete:
            raise CutError(500, "the server failed to handle this request")

    def _next(self) -> Message | None:
        try:
            part = self.parts.get(timeout=max(0.0, self.deadline - time.monotonic()))
        except queue.Empty:
            raise CutError(504, "the request took longer than the host allows") from None
        self.loop.call_soon_threadsafe(self.room.release)
        return part

    def _cut(self) -> None:
        """Cancel the request and wait for its clean-up, because a host may freeze the process."""
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
            "scheme": "https",  # hosts forward only what arrived over HTTPS
            "path": self.request.path,
            "raw_path": self.request.path.encode(),
            "query_string": self.request.query.encode(),
            "root_path": "",
            "headers": headers,
            "client": (self.request.client, 0) if self.request.client else None,
            "server": None,
        }

    async def _receive(self) -> Message:
        if self.unread:
            return {"type": "http.request", "body": self.unread.pop(), "more_body": False}
        await asyncio.Event().wait()  # these hosts do not report disconnects
        raise AssertionError

    async def _send(self, part: Message) -> None:
        await self.room.acquire()
        self.complete = part["type"] == "http.response.body" and not part.get("more_body", False)
        self.parts.put(part)
