"""The servers that use a store, with the identities by which they log in."""

from __future__ import annotations

from collections.abc import Mapping

from .config.identities import Identity
from .config.stack import StackConfig
from .services import topology


def identities_of_users(config: StackConfig, store: str) -> Mapping[str, Identity | None]:
    """The workloads that connect to the store, each with its identity in a cloud."""
    if not config.kubernetes.enabled:
        return {}
    users = sorted(topology(config).users(store))
    return {name: config.kubernetes.identities.get(name) for name in users}
