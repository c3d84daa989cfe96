"""The Azure subscription and region that components deploy to."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from .arg_types import AzureId, Region, TagName, TagValue


@dataclass(frozen=True, kw_only=True)
class AzureLocation:
    """A region of an Azure subscription.

    Attributes:
        subscription, tenant: their ids.
        region: such as westeurope; Azure calls it location.
        tags: set on every resource that takes tags; azure-native has no default tags.
    """

    subscription: AzureId
    tenant: AzureId
    region: Region
    tags: Mapping[TagName, TagValue] = field(default_factory=dict[str, str])
