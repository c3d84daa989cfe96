"""Where in a cloud something is put: said once a stack, the same for all that is put there."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, kw_only=True)
class GcpPlace:
    """A region of a Google Cloud project, and the network that private things are on.

    Attributes:
        project: its id.
        region: such as europe-west1.
        network: id of your own VPC, ``projects/…/global/networks/…``; None: nothing private is
            reached or made.
        subnetwork: id of the subnet in that region that instances get their addresses from.
    """

    project: str
    region: str
    network: str | None = None
    subnetwork: str | None = None


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
