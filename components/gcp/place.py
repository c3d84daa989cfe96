"""Where in Google Cloud something is put: said once a stack, the same for all that is put there."""

from __future__ import annotations

from dataclasses import dataclass


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
