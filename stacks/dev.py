"""One cluster on a developer's machine: a platform that anyone may throw away."""

from __future__ import annotations

from .composition import build

__all__ = ["build"]
