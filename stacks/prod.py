"""The platform that people depend on: digests, a domain, an issuer, protected data."""

from __future__ import annotations

from typing import Any

from .cluster import kubernetes_provider
from .config import StackConfig
from .platform import Platform


def build(config: StackConfig) -> dict[str, Any]:
    """Registers everything and returns the stack's outputs."""
    return Platform(config, kubernetes_provider(config)).outputs()
