"""Where in Azure something is put: said once a stack, the same for all that is put there."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, kw_only=True)
class AzurePlace:
    """A region of an Azure subscription.

    Attributes:
        subscription, tenant: their ids.
        location: such as westeurope.
        tags: of everything; azure-native has no default tags, so each resource is given them.
    """

    subscription: str
    tenant: str
    location: str
    tags: Mapping[str, str] = field(default_factory=dict[str, str])
