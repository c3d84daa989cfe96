"""What prod will be, smaller: the same topology, rules and policies."""

from __future__ import annotations

from .environment import build

__all__ = ["build"]
