"""Runs the requests of clients: each has a time limit, and a drain can cancel it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from dataclasses import dataclass
from typing import Any

import anyio
from mcp import MCPError
from mcp.server.streamable_http import REQUEST_CANCELLED
from mcp_types import INTERNAL_ERROR, REQUEST_TIMEOUT

from ..drain import Call, Drain


@dataclass
class CallLimits:
    """Registers running requests for the drain.

    Attributes:
        longest_seconds: after so long a request is cancelled.
    """

    drain: Drain
    longest_seconds: float

    async def run(self, call: Call, work: Awaitable[dict[str, Any]]) -> dict[str, Any]:
        """Await `work`; raises `MCPError` if the request is cancelled or takes too long."""
        expired = False

        def expire() -> None:
            nonlocal expired
            expired = True
            call.scope.cancel()

        timer = asyncio.get_running_loop().call_later(self.longest_seconds, expire)
        self.drain.calls.add(call)
        try:
            with call.scope:
                return await work
        finally:
            timer.cancel()
            self.drain.calls.discard(call)
        if call.cancelled:
            raise MCPError(INTERNAL_ERROR, "The server is stopping, and cancelled the request")
        if expired:
            limit = f"{self.longest_seconds:g} s"
            raise MCPError(
                REQUEST_TIMEOUT, f"The request took longer than {limit}, and was cancelled"
            )
        raise MCPError(REQUEST_CANCELLED, "Request cancelled")


def new_call() -> Call:
    """A call that is not running yet."""
    return Call(anyio.CancelScope())


def failed(why: str) -> MCPError:
    """The error of a request that the program did not answer."""
    return MCPError(INTERNAL_ERROR, why[:1].upper() + why[1:])
