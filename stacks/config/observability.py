"""Section `observability`: what the servers log."""

from __future__ import annotations

from pydantic import Field

from components.mcp.server_config import LogLevel

from .section import Section


class Observability(Section):
    """What the servers of every target log."""

    log_level: LogLevel | None = Field(
        default=None,
        description="Least severe events that servers log; absent: debug in dev, else info.",
    )
