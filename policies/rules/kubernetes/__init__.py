"""Rules for Kubernetes objects: pods, rights, and what is reachable."""

from __future__ import annotations

from typing import Final

from ...rule import CloudRules
from . import databases, network, pods, rbac, secret_stores, volumes

RULES: Final = CloudRules(
    required=(*volumes.REQUIRED, *databases.REQUIRED),
    checks=(pods.CHECK, rbac.CHECK, network.CHECK, databases.CHECK, secret_stores.CHECK),
)
"""All rules for Kubernetes."""
