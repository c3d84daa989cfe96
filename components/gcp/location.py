"""The Google Cloud project, region and network that components deploy to."""

from __future__ import annotations

from dataclasses import dataclass

from ..base.problems import Problem
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

    def key_problems(self, path: str, key: str | None) -> list[Problem]:
        """A problem if the KMS key is in another region: services use keys of their own only."""
        there = [*(key or "").split("/"), *[""] * 4][3]
        if there in ("", self.region):
            return []
        return [
            Problem(
                path,
                f"is in {there}, and the server is in {self.region}",
                "Google Cloud refuses it: both must be in one region",
                f"make a key in {self.region}, and write its id",
            )
        ]
