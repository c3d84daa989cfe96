"""Args of AzurePostgresqlDataTier, and their checks."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from ..base.arg_types import DatabaseUser
from ..base.problems import Problem
from ..mcp.data_tier import ManagedDataTierArgs
from .arg_types import AzureId, CacheMachine, DatabaseMachine, ResourceId
from .facts import AZURE_POSTGRES_BACKUP_DAYS
from .location import AzureLocation


@dataclass(frozen=True, kw_only=True)
class EntraPrincipal:
    """A managed identity or an application of Entra.

    Attributes:
        name: its name, which is also that of the database user.
        object_id: its object id, which Azure calls principal id of a managed identity too.
    """

    name: DatabaseUser
    object_id: AzureId


@dataclass(frozen=True, kw_only=True)
class AzurePostgresqlDataTierArgs(ManagedDataTierArgs):
    """Args of the data tier on Azure.

    Attributes:
        location: subscription and region.
        subnet: id of the subnet for PostgreSQL, delegated to
            Microsoft.DBforPostgreSQL/flexibleServers. It and ``dns_zone`` are required with
            PostgreSQL, the next two with the cache.
        dns_zone: id of a private DNS zone that ends in postgres.database.azure.com.
        cache_subnet: id of the subnet for the cache's private endpoint.
        cache_dns_zone: id of the private DNS zone privatelink.redis.azure.net.
        database_machine: sku of the database.
        database_tier: family of the sku.
        storage_gb: storage at first; it grows automatically.
        high_availability: a standby in another zone takes over when the database's own fails.
        administrator: who logs in, as the only administrator; None: a managed identity that the
            component makes.
        backup_days: days within which the database can be restored to any second; backups are
            stored in the paired region too.
        cache_machine: sku of the cache.
        cache_principal: object id of an identity of yours that logs in to the cache; None: the
            identity that the component creates.
    """

    location: AzureLocation
    subnet: ResourceId | None = None
    dns_zone: ResourceId | None = None
    cache_subnet: ResourceId | None = None
    cache_dns_zone: ResourceId | None = None
    database_machine: DatabaseMachine = "Standard_D2ds_v5"
    database_tier: Literal["Burstable", "GeneralPurpose", "MemoryOptimized"] = "GeneralPurpose"
    storage_gb: int = 32
    high_availability: bool = True
    administrator: EntraPrincipal | None = None
    backup_days: int = 14
    cache_machine: CacheMachine = "Balanced_B1"
    cache_principal: AzureId | None = None

    def refusals(self) -> list[Problem]:
        return [
            *super().refusals(),
            *AZURE_POSTGRES_BACKUP_DAYS.problems(
                "backup_days", self.backup_days, fix="set 7 to 35"
            ),
            *_standby(self),
            *_places(self),
        ]


def _places(args: AzurePostgresqlDataTierArgs) -> list[Problem]:
    needed = {
        **({"subnet": args.subnet, "dns_zone": args.dns_zone} if args.has_database else {}),
        **(
            {"cache_subnet": args.cache_subnet, "cache_dns_zone": args.cache_dns_zone}
            if args.has_cache
            else {}
        ),
    }
    return [
        Problem(
            name,
            "is missing",
            "the service would have a public address, or none",
            "write the resource id",
        )
        for name, value in needed.items()
        if value is None
    ]


def _standby(args: AzurePostgresqlDataTierArgs) -> list[Problem]:
    if not (args.high_availability and args.database_tier == "Burstable"):
        return []
    return [
        Problem(
            "high_availability",
            "is true, and database_tier is Burstable",
            "the cloud refuses it (Azure Database for PostgreSQL, High availability)",
            "set database_tier to GeneralPurpose, or high_availability to false",
        )
    ]
