"""An invocation of a Lambda function: its event, and the time that is left to answer it."""

from __future__ import annotations

from typing import Any, Protocol

MARGIN_SECONDS = 1.5
"""Kept of a function's time to end a request that would exceed it, and to answer."""
Event = dict[str, Any]


class Context(Protocol):
    """The part of Lambda's context object that the server reads."""

    def get_remaining_time_in_millis(self) -> int:
        """Milliseconds until Lambda ends the function."""
        ...


def seconds_left(context: Context) -> float:
    """Seconds that the application may use for this invocation."""
    return context.get_remaining_time_in_millis() / 1000 - MARGIN_SECONDS
