"""PostgreSQL Flexible Server and Azure Managed Redis, in your virtual network."""

from __future__ import annotations

from dataclasses import replace
from typing import Final, NamedTuple

import pulumi

from ..base.cloud_resource import CloudResource
from ..mcp.data_tier import CacheProfile, DataTier, DataTierResources
from .database_args import AzurePostgresqlDataTierArgs, EntraPrincipal
from .facts import CACHE_PORT
from .identity import managed_identity
from .monitored import AzureMonitoredCache, AzureMonitoredDatabase
from .resource_group import AzureGroup

_SERVER: Final = "azure-native:dbforpostgresql:Server"
_REDIS: Final = "azure-native:redisenterprise:RedisEnterprise"
_POSTGRES: Final = "azure-native:dbforpostgresql"
AUTHORITY: Final = "DigiCert Global Root G2"
_PARAMETERS: Final = {
    "require_secure_transport": "on",
    "ssl_min_protocol_version": "TLSv1.2",
    "log_connections": "on",
}


class AzurePostgresqlDataTier(DataTier[AzurePostgresqlDataTierArgs]):
    """PostgreSQL and Redis, which one identity may use; there is no password.

    Attributes:
        monitored_databases, monitored_caches: what `AzureMonitoring` monitors.
    """

    args_type = AzurePostgresqlDataTierArgs

    monitored_databases: list[AzureMonitoredDatabase]
    monitored_caches: list[AzureMonitoredCache]

    def deploy(self, args: AzurePostgresqlDataTierArgs) -> DataTierResources:
        self.monitored_databases, self.monitored_caches = [], []
        group = AzureGroup(self, args.location)
        named = not (args.has_database and args.administrator is None) and not (
            args.has_cache and args.cache_principal is None
        )
        identity = None if named else managed_identity(group)
        made = DataTierResources(database=None)
        locked: dict[str, tuple[CloudResource, CloudResource]] = {}
        if args.has_database:
            login = _login(args.administrator, identity)
            server, admin, database = _database(group, args, login)
            locked["database"] = server, database
            self.monitored_databases = [
                AzureMonitoredDatabase(
                    name=f"{self.name}-database",
                    server=server.output("id"),
                    machine=args.database_machine,
                )
            ]
            made = replace(
                made,
                database=admin,
                database_host=server.output("fullyQualifiedDomainName"),
                database_user=login.name,
                database_credentials=login.credentials,
                ca=AUTHORITY,
            )
        if args.has_cache:
            principal = args.cache_principal or (identity and identity.output("principalId"))
            assert principal is not None
            cache, filled = _cache(group, args, principal)
            locked["cache"] = cache, filled
            self.monitored_caches = [
                AzureMonitoredCache(
                    name=f"{self.name}-cache",
                    cluster=cache.output("id"),
                    sessions=args.cache_profile is CacheProfile.SESSIONS,
                )
            ]
            made = replace(
                made,
                cache_host=cache.output("hostName"),
                cache_port=CACHE_PORT,
                cache_user=principal,
            )
            if not args.has_database:
                made = replace(made, ca=AUTHORITY)
        for what, (scope, last) in locked.items() if args.protect else ():
            # A lock prevents changes of its resource too, so that it is created last.
            CloudResource(
                "azure-native:authorization:ManagementLockByScope",
                self.named(f"{what}-lock"),
                {
                    "lockName": "keep",
                    "level": "CanNotDelete",
                    "scope": scope.output("id"),
                    "notes": "holds the platform's data",
                },
                opts=self.owned(depends_on=[last]),
            )
        return made


class _Login(NamedTuple):
    """Who logs in to PostgreSQL.

    Attributes:
        name: of the principal and of the database user.
        object_id: of the principal.
        credentials: id of the managed identity, or the object id of another principal.
    """

    name: pulumi.Input[str]
    object_id: pulumi.Input[str]
    credentials: pulumi.Input[str]


def _login(given: EntraPrincipal | None, identity: CloudResource | None) -> _Login:
    if given is not None:
        return _Login(given.name, given.object_id, given.object_id)
    assert identity is not None  # deploy
    principal = identity.output("principalId")
    return _Login(identity.output("name"), principal, identity.output("id"))


def _database(
    group: AzureGroup, args: AzurePostgresqlDataTierArgs, login: _Login
) -> tuple[CloudResource, CloudResource, CloudResource]:
    """The server, its administrator, and the database in it."""
    server, changed = _server(group, args)
    admin = group.make(
        f"{_POSTGRES}:AdministratorsMicrosoftEntra",
        "database-user",
        {
            "serverName": server.output("name"),
            "objectId": login.object_id,
            "principalName": login.name,
            "principalType": "servicePrincipal",
            "tenantId": args.location.tenant,
        },
        depends_on=[changed],
    )
    database = group.make(
        f"{_POSTGRES}:Database",
        "database-contents",
        {
            "serverName": server.output("name"),
            "databaseName": args.database,
            "charset": "UTF8",
            "collation": "en_US.utf8",
        },
        protect=args.protect,
        depends_on=[admin],
    )
    return server, admin, database


def _server(
    group: AzureGroup, args: AzurePostgresqlDataTierArgs
) -> tuple[CloudResource, CloudResource]:
    """The server, and the last of its changes, which the server accepts one at a time."""
    server = group.make(
        _SERVER,
        "database",
        {
            "version": "17",
            "createMode": "Create",
            "sku": {"name": args.database_machine, "tier": args.database_tier},
            "storage": {"storageSizeGB": args.storage_gb, "autoGrow": "Enabled"},
            "highAvailability": {"mode": "ZoneRedundant" if args.high_availability else "Disabled"},
            "backup": {
                "backupRetentionDays": args.backup_days,
                "geoRedundantBackup": "Enabled",
            },
            "authConfig": {
                "activeDirectoryAuth": "Enabled",
                "passwordAuth": "Disabled",
                "tenantId": args.location.tenant,
            },
            "network": {
                "delegatedSubnetResourceId": args.subnet,
                "privateDnsZoneArmResourceId": args.dns_zone,
                "publicNetworkAccess": "Disabled",
            },
        },
        outputs=("fullyQualifiedDomainName",),
        protect=args.protect,
    )
    changed = server
    for name, value in _PARAMETERS.items():
        changed = group.make(
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
    group: AzureGroup, args: AzurePostgresqlDataTierArgs, principal: pulumi.Input[str]
) -> tuple[CloudResource, CloudResource]:
    """The cache, and the last of its changes."""
    sessions = args.cache_profile is CacheProfile.SESSIONS
    cluster = group.make(
        _REDIS,
        "cache",
        {
            "sku": {"name": args.cache_machine},
            "highAvailability": "Enabled",
            "minimumTlsVersion": "1.2",
            "publicNetworkAccess": "Disabled",
        },
        outputs=("hostName",),
        protect=args.protect,
    )
    database = group.make(
        "azure-native:redisenterprise:Database",
        "cache-contents",
        {
            "clusterName": cluster.output("name"),
            "databaseName": "default",
            "port": CACHE_PORT,
            "clientProtocol": "Encrypted",
            "clusteringPolicy": "NoCluster",
            "accessKeysAuthentication": "Disabled",
            "evictionPolicy": "NoEviction" if sessions else "AllKeysLRU",
            "persistence": {"aofEnabled": True, "aofFrequency": "1s"}
            if sessions
            else {"aofEnabled": False, "rdbEnabled": False},
        },
        protect=args.protect,
    )
    user = group.make(
        "azure-native:redisenterprise:AccessPolicyAssignment",
        "cache-user",
        {
            "clusterName": cluster.output("name"),
            "databaseName": database.output("databaseName"),
            "accessPolicyName": "default",
            "accessPolicyAssignmentName": "server",
            "user": {"objectId": principal},
        },
    )
    endpoint = group.make(
        "azure-native:network:PrivateEndpoint",
        "cache-endpoint",
        {
            "subnet": {"id": args.cache_subnet},
            "privateLinkServiceConnections": [
                {
                    "name": "cache",
                    "privateLinkServiceId": cluster.output("id"),
                    "groupIds": ["redisEnterprise"],
                }
            ],
        },
    )
    group.make(
        "azure-native:network:PrivateDnsZoneGroup",
        "cache-names",
        {
            "privateEndpointName": endpoint.output("name"),
            "privateDnsZoneGroupName": "default",
            "privateDnsZoneConfigs": [{"name": "redis", "privateDnsZoneId": args.cache_dns_zone}],
        },
    )
    return cluster, user
