"""Limits the bytes of a running server's answers, which are read into memory as a whole."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import cast

import httpx2

LARGEST_PAGE = 4 * 2**20
LARGEST_LIST = 16 * 2**20
"""Bytes of one answer, and of all answers in one era: pages of a list of tools."""
TOO_LARGE = (
    f"its answers are larger than {LARGEST_PAGE >> 20} MiB, or together than "
    f"{LARGEST_LIST >> 20} MiB"
)


class Bound:
    """What may still be read of a server's answers."""

    def __init__(self) -> None:
        self.left = LARGEST_LIST
        self.exceeded = False

    def take(self, size: int, page: int) -> None:
        """Count bytes; raises `httpx2.ReadError` at a limit.

        Args:
            size: of what was read now.
            page: of all that was read of this answer.
        """
        self.left -= size
        if self.left < 0 or page > LARGEST_PAGE:
            self.exceeded = True
            raise httpx2.ReadError(TOO_LARGE)

    async def request(self, request: httpx2.Request) -> None:
        """A hook for requests: an answer is counted as it is sent, so it must not be compressed."""
        request.headers["accept-encoding"] = "identity"

    async def response(self, answer: httpx2.Response) -> None:
        """A hook for responses, which runs before their bodies are read."""
        if answer.headers.get("content-encoding", "identity") != "identity":
            raise httpx2.ReadError("it compresses its answers although they must be plain")
        answer.stream = _Bounded(cast("httpx2.AsyncByteStream", answer.stream), self)


class _Bounded(httpx2.AsyncByteStream):
    def __init__(self, stream: httpx2.AsyncByteStream, bound: Bound) -> None:
        self.stream = stream
        self.bound = bound

    async def __aiter__(self) -> AsyncIterator[bytes]:
        page = 0
        async for part in self.stream:
            page += len(part)
            self.bound.take(len(part), page)
            yield part

    async def aclose(self) -> None:
        await self.stream.aclose()
