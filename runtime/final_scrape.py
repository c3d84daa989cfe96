"""Serves the number of calls that a drain has cancelled until Prometheus has read it."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Mapping

from .drain import POLL_SECONDS
from .http_listener import Listener
from .logs import event
from .server_config import ServerSection


async def wait_for_final_scrape(server: ServerSection, listeners: Mapping[int, Listener]) -> None:
    """Wait until the metrics are read once more, or for `final_scrape_seconds`.

    Metrics that nobody has read so far are not waited for: no Prometheus knows of the server.

    Args:
        server: the configuration.
        listeners: by port. A worker has none for metrics, which its parent serves.
    """
    longest = server.final_scrape_seconds
    listener = listeners.get(server.metrics_port or 0)
    if not longest or listener is None or not listener.arrivals.latest:
        return
    begun, arrivals = asyncio.get_running_loop().time(), listener.arrivals
    event("metrics_wait", seconds=longest)
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(longest):
            while arrivals.latest <= begun:
                await asyncio.sleep(POLL_SECONDS)
    event("metrics_read" if arrivals.latest > begun else "metrics_not_read")
