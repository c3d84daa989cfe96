"""The platform that people depend on: digests, a domain, an issuer, protected data."""

from __future__ import annotations

from .environment import build

__all__ = ["build"]
