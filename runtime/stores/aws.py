"""Calls of AWS that are brief: an invocation's time is short, and a thread cannot be ended."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import anyio

ATTEMPTS = 2
CONNECTED_WITHIN_SECONDS = 1
ANSWERED_WITHIN_SECONDS = 3
"""With both attempts 8 s, of the 10 in which a function begins."""
AT_ONCE = 10
"""Connections that botocore's pool keeps, and so calls worth having under way."""

Result = TypeVar("Result")


def client(service: str, **where: Any) -> Any:
    """A client of `service`, which loads the SDK."""
    import botocore.session  # of the managed runtime
    from botocore.config import Config

    brief = Config(
        connect_timeout=CONNECTED_WITHIN_SECONDS,
        read_timeout=ANSWERED_WITHIN_SECONDS,
        retries={"mode": "standard", "total_max_attempts": ATTEMPTS},
    )
    session: Any = botocore.session.Session()
    return session.create_client(service, config=brief, **where)


async def in_thread(
    call: Callable[[], Result], slots: anyio.CapacityLimiter | None = None
) -> Result:
    """What the blocking `call` returns; who is cancelled does not wait for it."""
    return await anyio.to_thread.run_sync(call, abandon_on_cancel=True, limiter=slots)
