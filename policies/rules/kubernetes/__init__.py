"""Rules for Kubernetes objects: pods, rights, and what is reachable."""

from __future__ import annotations

from typing import Final

from ...rule import CloudRules
from . import network, pods, rbac, volumes

RULES: Final = CloudRules(required=volumes.REQUIRED, checks=(pods.CHECK, rbac.CHECK, network.CHECK))
"""All rules for Kubernetes."""
