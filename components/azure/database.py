"""PostgreSQL Flexible Server and Azure Managed Redis, inside your virtual network."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final, Literal

from ..base.cloud_resource import CloudResource
from ..base.component import Component
from ..base.limits import refuse
from ..base.problems import Problem
from ..mcp.data_contract import CacheProfile, Contents, Provided
from .facts import AZURE_POSTGRES_BACKUP_DAYS
from .location import AzureLocation
from .resource_group import AzureGroup

_SERVER: Final = "azure-native:dbforpostgresql:Server"
_REDIS: Final = "azure-native:redisenterprise:RedisEnterprise"
_POSTGRES: Final = "azure-native:dbforpostgresql"
CACHE_PORT: Final = 10000
_PARAMETERS: Final = {
    "require_secure_transport": "on",
    "ssl_min_protocol_version": "TLSv1.2",
    "log_connections": "on",
}


@dataclass(frozen=True, kw_only=True)
class AzurePostgresql:
    """What Azure needs to know.

    Attributes:
        location: subscription and location.
        subnet: id of the subnet for PostgreSQL, delegated to
            Microsoft.DBforPostgreSQL/flexibleServers.
        dns_zone: id of a private DNS zone that ends in postgres.database.azure.com.
        cache_subnet: id of the subnet that the cache's private endpoint is put into.
        cache_dns_zone: id of the private DNS zone privatelink.redis.azure.net.
        sku: of the database's machine.
        tier: family of the sku.
        storage_gb: what it begins with; it grows by itself.
        high_availability: a standby in another zone takes over when the database's own fails.
        backup_days: how far back the database can be restored to any second; the backups are
            kept in the paired region too.
        cache_sku: of the cache.
        type: tells this kind from the others where args are a mapping.
    """

    location: AzureLocation
    subnet: str
    dns_zone: str
    cache_subnet: str
    cache_dns_zone: str
    sku: str = "Standard_D2ds_v5"
    tier: Literal["Burstable", "GeneralPurpose", "MemoryOptimized"] = "GeneralPurpose"
    storage_gb: int = 32
    high_availability: bool = True
    backup_days: int = 14
    cache_sku: str = "Balanced_B1"
    type: Literal["azure-postgresql"] = "azure-postgresql"


def azure_postgresql(owner: Component[Any], kind: AzurePostgresql, contents: Contents) -> Provided:
    """Makes both, and the managed identity that alone may connect: there is no password."""
    refuse(_problems(kind, contents))
    home = AzureGroup(owner, kind.location)
    identity = home.identity()
    server, changed = _server(home, kind, contents)
    admin = home.make(
        f"{_POSTGRES}:AdministratorsMicrosoftEntra",
        "database-user",
        {
            "serverName": server.output("name"),
            "objectId": identity.output("principalId"),
            "principalName": identity.output("name"),
            "principalType": "servicePrincipal",
            "tenantId": kind.location.tenant,
        },
        depends_on=[changed],
    )
    database = home.make(
        f"{_POSTGRES}:Database",
        "database-contents",
        {
            "serverName": server.output("name"),
            "databaseName": contents.database,
            "charset": "UTF8",
            "collation": "en_US.utf8",
        },
        protect=contents.protect,
        depends_on=[admin],
    )
    cache, filled = _cache(home, kind, contents, identity)
    if contents.protect:
        # A lock is a change of what it locks as well: it comes after all others.
        for what, locked, last in (("database", server, database), ("cache", cache, filled)):
            CloudResource(
                "azure-native:authorization:ManagementLockByScope",
                owner.named(f"{what}-lock"),
                {
                    "lockName": "keep",
                    "level": "CanNotDelete",
                    "scope": locked.output("id"),
                    "notes": "holds the platform's data",
                },
                opts=owner.owned(depends_on=[last]),
            )
    return Provided(
        database=admin,
        database_host=server.output("fullyQualifiedDomainName"),
        database_user=identity.output("name"),
        database_credentials=identity.output("id"),
        cache_host=cache.output("hostName"),
        cache_port=CACHE_PORT,
        cache_user=identity.output("principalId"),
    )


def _problems(kind: AzurePostgresql, contents: Contents) -> list[Problem]:
    problems = AZURE_POSTGRES_BACKUP_DAYS.problems(
        "kind.backup_days", kind.backup_days, fix="set 7 to 35"
    )
    if kind.high_availability and kind.tier == "Burstable":
        problems.append(
            Problem(
                "kind.high_availability",
                "is true, and the tier is Burstable",
                "the cloud refuses it (Azure Database for PostgreSQL, High availability)",
                "set tier to GeneralPurpose, or high_availability to false",
            )
        )
    if contents.user != Contents.user:
        problems.append(
            Problem(
                "user",
                f"is {contents.user}, but in Azure the user is called as its identity",
                "there would be no user of that name",
                "leave it out: the output database_user says the name",
            )
        )
    return problems


def _server(
    home: AzureGroup, kind: AzurePostgresql, contents: Contents
) -> tuple[CloudResource, CloudResource]:
    """The server, and the last of its changes: it refuses the next one until that is done."""
    server = home.make(
        _SERVER,
        "database",
        {
            "version": "17",
            "createMode": "Create",
            "sku": {"name": kind.sku, "tier": kind.tier},
            "storage": {"storageSizeGB": kind.storage_gb, "autoGrow": "Enabled"},
            "highAvailability": {"mode": "ZoneRedundant" if kind.high_availability else "Disabled"},
            "backup": {
                "backupRetentionDays": kind.backup_days,
                "geoRedundantBackup": "Enabled",
            },
            "authConfig": {
                "activeDirectoryAuth": "Enabled",
                "passwordAuth": "Disabled",
                "tenantId": kind.location.tenant,
            },
            "network": {
                "delegatedSubnetResourceId": kind.subnet,
                "privateDnsZoneArmResourceId": kind.dns_zone,
                "publicNetworkAccess": "Disabled",
            },
        },
        outputs=("fullyQualifiedDomainName",),
        protect=contents.protect,
    )
    changed = server
    for name, value in _PARAMETERS.items():
        changed = home.make(
            f"{_POSTGRES}:Configuration",
            name.replace("_", "-"),
            {
                "serverName": server.output("name"),
                "configurationName": name,
                "value": value,
                "source": "user-override",
            },
            depends_on=[changed],
        )
    return server, changed


def _cache(
    home: AzureGroup, kind: AzurePostgresql, contents: Contents, identity: CloudResource
) -> tuple[CloudResource, CloudResource]:
    """The cache, and the last that is changed in it."""
    kept = contents.cache_profile is CacheProfile.SESSIONS
    cluster = home.make(
        _REDIS,
        "cache",
        {
            "sku": {"name": kind.cache_sku},
            "highAvailability": "Enabled",
            "minimumTlsVersion": "1.2",
            "publicNetworkAccess": "Disabled",
        },
        outputs=("hostName",),
        protect=contents.protect,
    )
    database = home.make(
        "azure-native:redisenterprise:Database",
        "cache-contents",
        {
            "clusterName": cluster.output("name"),
            "databaseName": "default",
            "port": CACHE_PORT,
            "clientProtocol": "Encrypted",
            "clusteringPolicy": "NoCluster",
            "accessKeysAuthentication": "Disabled",
            "evictionPolicy": "NoEviction" if kept else "AllKeysLRU",
            "persistence": {"aofEnabled": True, "aofFrequency": "1s"}
            if kept
            else {"aofEnabled": False, "rdbEnabled": False},
        },
        protect=contents.protect,
    )
    user = home.make(
        "azure-native:redisenterprise:AccessPolicyAssignment",
        "cache-user",
        {
            "clusterName": cluster.output("name"),
            "databaseName": database.output("databaseName"),
            "accessPolicyName": "default",
            "accessPolicyAssignmentName": "server",
            "user": {"objectId": identity.output("principalId")},
        },
    )
    endpoint = home.make(
        "azure-native:network:PrivateEndpoint",
        "cache-endpoint",
        {
            "subnet": {"id": kind.cache_subnet},
            "privateLinkServiceConnections": [
                {
                    "name": "cache",
                    "privateLinkServiceId": cluster.output("id"),
                    "groupIds": ["redisEnterprise"],
                }
            ],
        },
    )
    home.make(
        "azure-native:network:PrivateDnsZoneGroup",
        "cache-names",
        {
            "privateEndpointName": endpoint.output("name"),
            "privateDnsZoneGroupName": "default",
            "privateDnsZoneConfigs": [{"name": "redis", "privateDnsZoneId": kind.cache_dns_zone}],
        },
    )
    return cluster, user
