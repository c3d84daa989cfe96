"""The eras of MCP revisions: modern, legacy, or both."""

from __future__ import annotations

from typing import Literal

Era = Literal["modern", "legacy", "dual"]
"""MCP 2026-07-28, the revisions before it, or both."""


def has_sessions(era: Era) -> bool:
    """Whether the era has sessions. Those in the memory of one pod need affinity to it."""
    return era != "modern"
