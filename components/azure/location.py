"""The Azure subscription and region that components deploy to."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, kw_only=True)
class AzureLocation:
    """A region of an Azure subscription.

    Attributes:
        subscription, tenant: their ids.
        region: such as westeurope; Azure calls it location.
        tags: set on every resource that takes tags; azure-native has no default tags.
    """

    subscription: str
    tenant: str
    region: str
    tags: Mapping[str, str] = field(default_factory=dict[str, str])
