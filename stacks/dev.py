"""One cluster on a developer's machine: a platform that anyone may throw away."""

from __future__ import annotations

from .environment import build

__all__ = ["build"]
