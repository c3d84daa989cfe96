"""Ends calls that run too long, and those that still run when the drain ends."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TypeVar

import anyio

from .drain import Call, Drain

Result = TypeVar("Result")


class EndedError(Exception):
    """A call was ended before it had a result; the message is sent to the caller."""


async def within_time(
    drain: Drain, longest_seconds: float, run: Callable[[], Awaitable[Result]]
) -> Result:
    """The result of `run()`, which the drain can cancel.

    Raises:
        EndedError: the drain cancelled it, or it ran longer than `longest_seconds`.
    """
    call = Call(anyio.CancelScope(deadline=anyio.current_time() + longest_seconds))
    drain.calls.add(call)
    try:
        with call.scope:
            return await run()
    finally:
        drain.calls.discard(call)
    if call.cancelled:
        raise EndedError("The server is shutting down and ended this call; try it again.")
    raise EndedError(
        f"The call ran longer than {longest_seconds:g} s, the longest allowed here, and was ended."
    )
