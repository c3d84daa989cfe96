"""What prod will be, smaller: the same topology, rules and policies."""

from __future__ import annotations

from typing import Any

from .cluster import kubernetes_provider
from .config import StackConfig
from .platform import Platform


def build(config: StackConfig) -> dict[str, Any]:
    """Registers everything and returns the stack's outputs."""
    return Platform(config, kubernetes_provider(config)).outputs()
