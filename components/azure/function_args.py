"""Args of AzureFunction, and their checks."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

from ..base.problems import Problem
from ..mcp.access import NetworkAccess, nobody_problems
from ..mcp.archive import Archive
from ..mcp.cloud_server import drain_problems
from ..mcp.timeout_budget import STEP, Distance
from .arg_types import ResourceId
from .facts import AZURE_FUNCTION_INSTANCES, AZURE_FUNCTION_RESPONSE
from .secrets import AzureSecrets
from .server_args import AzureServerArgs, domain_problems, private_storage_problems

STOPS: Final = "an update ends calls at once (Flex Consumption, Site update strategies)"


@dataclass(frozen=True, kw_only=True)
class AzureFunctionArgs(AzureServerArgs):
    """Args of a function app.

    Attributes:
        archive: the code; ``az`` uploads it, see the page of this component.
        access: who may connect.
        secrets: secrets in its environment.
        subnet: id of a subnet, delegated to Microsoft.App/environments, through which it connects
            to private addresses; None: it connects to none.
        memory_mb: MiB of an instance.
        concurrency: most requests that an instance handles at once.
        max_instances: most instances; scales to zero without requests.
        zone_redundant: spread instances and the storage account's copies over zones.
        private_storage: close the storage account to all networks but ``subnet``, which needs the
            service endpoint Microsoft.Storage.
    """

    archive: Archive
    access: NetworkAccess
    secrets: AzureSecrets | None = None
    subnet: ResourceId | None = None
    memory_mb: Literal[512, 2048, 4096] = 2048
    concurrency: int = 20
    max_instances: int = 40
    zone_redundant: bool = False
    private_storage: bool = False

    def refusals(self) -> list[Problem]:
        return [
            *super().refusals(),
            *nobody_problems(self.access, "access.allowed_networks", self.access.allowed_networks),
            *drain_problems(self.config, stops=STOPS),
            *private_storage_problems(private=self.private_storage, subnet=self.subnet),
            *domain_problems(self.config),
            *AZURE_FUNCTION_RESPONSE.problems(
                "config.budget.longest_tool",
                self.config.budget.at(Distance.GATEWAY).timeout,
                fix=f"set at most {AZURE_FUNCTION_RESPONSE.most - STEP}, "
                "or use AzureContainerApp for longer tools",
            ),
            *AZURE_FUNCTION_INSTANCES.problems(
                "max_instances",
                self.max_instances,
                fix=f"set at most {AZURE_FUNCTION_INSTANCES.most}",
            ),
        ]
