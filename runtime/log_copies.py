"""Starts and ends the sending of copies of log lines with the server."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

from .config import Config
from .logs import copy_lines
from .lost_telemetry import LostTelemetry
from .telemetry_end import Sender, Senders


@asynccontextmanager
async def exporting_log_lines(config: Config, senders: Senders) -> AsyncGenerator[None]:
    """Send copies until the end of the block; `senders` sends those that wait."""
    section = config.log_export
    if section is None:
        yield
        return
    from .log_export import LogExport

    lost = LostTelemetry("logs")
    export = LogExport(section, config.resource_attributes, lost, lost)
    senders.every.append(Sender(export.shutdown, section.timeout_seconds, lost))
    copy_lines(export.copy)
    try:
        yield
    finally:
        copy_lines(None)
