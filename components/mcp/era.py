"""The two families of MCP revisions, and what follows from the one that a server speaks."""

from __future__ import annotations

from typing import Literal

Era = Literal["modern", "legacy", "dual"]
"""MCP 2026-07-28, the revisions before it, or both."""


def has_sessions(era: Era) -> bool:
    """Whether clients hold sessions: one lives in the memory of one pod and must find it again."""
    return era != "modern"
