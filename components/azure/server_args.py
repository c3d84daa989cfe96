"""Args that servers on Azure have in common, and their checks."""

from __future__ import annotations

from dataclasses import dataclass

from ..base.problems import Problem
from ..mcp.cloud_server import CloudServerArgs
from ..mcp.server_config import CloudServerConfig
from .facts import AZURE_LOG_DAYS
from .location import AzureLocation


@dataclass(frozen=True, kw_only=True)
class AzureServerArgs(CloudServerArgs):
    """Args of every server on Azure.

    Attributes:
        location: subscription and region.
    """

    location: AzureLocation

    def refusals(self) -> list[Problem]:
        return [
            *super().refusals(),
            *AZURE_LOG_DAYS.problems(
                "log_retention_days", self.log_retention_days, fix="set 30 to 730"
            ),
        ]


def domain_problems(config: CloudServerConfig) -> list[Problem]:
    """A problem if the domain is not bound to the app: Azure would answer 404."""
    if config.domain is None:
        return []
    return [
        Problem(
            "config.domain",
            f"is {config.domain}, and no custom domain is bound to the app",
            "Azure would answer 404 there, and the server would not answer to the app's own name",
            "leave it out: the app has a name of its own, which the output mcp_url contains",
        )
    ]


def private_storage_problems(*, private: bool, subnet: str | None) -> list[Problem]:
    """A problem if the storage account is private and no subnet is set."""
    if subnet or not private:
        return []
    return [
        Problem(
            "private_storage",
            "is true, and subnet is missing",
            "the storage account would refuse the server too",
            "set the id of a subnet with the service endpoint Microsoft.Storage, or leave it out",
        )
    ]
