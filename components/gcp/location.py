"""The Google Cloud project, region and network that components deploy to."""

from __future__ import annotations

from dataclasses import dataclass

from .arg_types import NetworkId, ProjectId, Region


@dataclass(frozen=True, kw_only=True)
class GcpLocation:
    """A region of a Google Cloud project, and your network there.

    Attributes:
        project: its id.
        region: such as europe-west1.
        network: id of your own VPC, ``projects/…/global/networks/…``; None: servers reach no
            private address, and nothing with a private address can be made.
        subnetwork: id of the subnet in that region that instances get their addresses from.
    """

    project: ProjectId
    region: Region
    network: NetworkId | None = None
    subnetwork: NetworkId | None = None
