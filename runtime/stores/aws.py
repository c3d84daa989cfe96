"""AWS clients with short timeouts: an invocation is short, and its threads cannot be cancelled."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import anyio

ATTEMPTS = 2
CONNECTED_WITHIN_SECONDS = 1
ANSWERED_WITHIN_SECONDS = 3
"""Two attempts take at most 8 s, within the 10 s that Lambda allows for a start."""
AT_ONCE = 10
"""Size of botocore's connection pool, and so the most calls that are useful at a time."""

Result = TypeVar("Result")


def client(service: str, **where: Any) -> Any:
    """A boto3 client of `service`; the first call imports the SDK."""
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
    """Run the blocking `call` in a thread; a cancelled caller does not wait for it."""
    return await anyio.to_thread.run_sync(call, abandon_on_cancel=True, limiter=slots)
