"""The platform that people depend on: digests, a domain, an issuer, protected data."""

from __future__ import annotations

from .composition import build

__all__ = ["build"]
