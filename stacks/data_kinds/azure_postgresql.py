"""PostgreSQL of Azure, which a managed identity logs in to."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Final, Literal

import pulumi

from components.base.problems import Problem
from components.mcp.data_tier import CacheProfile, Stores
from components.mcp.database import DatabaseToken

from ..cloud_providers import tags_of
from ..config.managed_data import AzurePostgresql
from ..config.problem import at
from ..config.stack import StackConfig
from ..targets.azure import azure_location
from ..targets.azure_sections import Azure
from ..topologies.topology import POSTGRES
from .kind import Tier
from .managed import ManagedKind, protected

if TYPE_CHECKING:
    from components.azure.database import AzurePostgresqlDataTier
    from components.azure.database_args import AzurePostgresqlDataTierArgs

MACHINES: Final = {"dev": "Standard_B1ms"}
BACKUP_DAYS: Final = {"prod": 14}
MachineTier = Literal["Burstable", "GeneralPurpose", "MemoryOptimized"]
_TIERS: Final[dict[str, MachineTier]] = {
    "Standard_B": "Burstable",
    "Standard_D": "GeneralPurpose",
    "Standard_E": "MemoryOptimized",
}
"""The family of a SKU by how its name begins (Azure Database for PostgreSQL, Compute options)."""


def section_of(config: StackConfig) -> AzurePostgresql:
    """The kind's section."""
    assert config.data.azure_postgresql is not None  # the_kind_has_its_section
    return config.data.azure_postgresql


def azure_postgresql_args(
    config: StackConfig,
    stores: Sequence[str],  # noqa: ARG001
    namespace: pulumi.Input[str],  # noqa: ARG001
) -> AzurePostgresqlDataTierArgs:
    """The server in the subnet of the section."""
    from components.azure.database_args import AzurePostgresqlDataTierArgs, EntraPrincipal

    where, options = config.clouds.of("azure"), section_of(config)
    assert isinstance(where, Azure)
    environment, available = config.environment, options.high_availability
    machine = options.machine or MACHINES.get(environment, "Standard_D2ds_v5")
    return AzurePostgresqlDataTierArgs(
        location=azure_location(where, tags_of(config)),
        stores=Stores.DATABASE,
        cache_profile=CacheProfile(config.data.cache_profile),
        protect=protected(config),
        subnet=options.subnet,
        dns_zone=options.dns_zone,
        administrator=EntraPrincipal(
            name=options.administrator.name, object_id=options.administrator.object_id
        ),
        database_machine=machine,
        database_tier=_TIERS.get(machine[:10], "GeneralPurpose"),
        storage_gb=options.storage_gb,
        high_availability=environment == "prod" if available is None else available,
        backup_days=options.backup_days or BACKUP_DAYS.get(environment, 7),
    )


def _component(
    name: str, args: AzurePostgresqlDataTierArgs, *, opts: pulumi.ResourceOptions
) -> AzurePostgresqlDataTier:
    from components.azure.database import AzurePostgresqlDataTier

    return AzurePostgresqlDataTier(name, args, opts)


AZURE_TIER: Final = Tier(
    name="data", component=_component, args=azure_postgresql_args, cloud="azure"
)


class AzurePostgresqlDatabase(ManagedKind):
    """PostgreSQL of Azure; the servers log in with tokens of its administrator."""

    name = "azure-postgresql"
    store = POSTGRES
    tier = AZURE_TIER
    section = "azure_postgresql"
    section_required = True
    arg_fields = {"database_machine": "machine"}

    def options(self, config: StackConfig) -> AzurePostgresql:
        return section_of(config)

    def login(self, config: StackConfig) -> dict[str, str]:
        return {"user": section_of(config).administrator.name}

    def token(self, config: StackConfig) -> DatabaseToken:  # noqa: ARG002
        return "azure"

    def problems(self, config: StackConfig) -> Iterator[Problem]:
        """As of every kind, and an audit log, whose roles have passwords."""
        for problem in super().problems(config):
            if problem.path.endswith(".highAvailability"):
                yield at(
                    "data.azurePostgresql.highAvailability",
                    "is true, and the machine is Burstable",
                    "the cloud refuses it (Azure Database for PostgreSQL, High availability)",
                    "set machine to a SKU such as Standard_D2ds_v5, or highAvailability to false",
                )
            else:
                yield problem
        if config.audit.enabled:
            yield at(
                "audit.enabled",
                "is true, and data.kind is azure-postgresql, which accepts no passwords",
                "the two roles of the log could not log in: no call could be recorded",
                "choose another data.kind, or remove audit",
            )
