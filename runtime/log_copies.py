"""Starts and ends the sending of copies of log lines with the server."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

import anyio

from .config import Config
from .logs import copy_lines
from .lost_telemetry import LostTelemetry


@asynccontextmanager
async def copying_lines(config: Config) -> AsyncGenerator[None]:
    """Send copies until the end of the block, then those that wait, for `timeout_seconds`."""
    section = config.log_export
    if section is None:
        yield
        return
    from .log_export import LogExport

    export = LogExport(section, config.resource_attributes, LostTelemetry("logs"))
    copy_lines(export.copy)
    try:
        yield
    finally:
        copy_lines(None)
        with anyio.move_on_after(section.timeout_seconds, shield=True):
            await anyio.to_thread.run_sync(export.shutdown, abandon_on_cancel=True)
