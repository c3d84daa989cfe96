"""PostgreSQL of Cloud SQL and Valkey of Memorystore, on private addresses of your network."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Final

import pulumi

from ..base.cloud_resource import CloudResource
from ..mcp.data_tier import CacheProfile, DataTier, DataTierResources
from .database_args import CloudSqlDataTierArgs
from .identity import only_on
from .monitored import GcpMonitoredCache, GcpMonitoredDatabase
from .naming import physical_name

_INSTANCE: Final = "gcp:sql/databaseInstance:DatabaseInstance"
VERSION: Final = "POSTGRES_17"
_VALKEY: Final = "gcp:memorystore/instance:Instance"
_FLAGS: Final = {
    "cloudsql.iam_authentication": "on",
    "log_connections": "on",
    "log_disconnections": "on",
}


class CloudSqlDataTier(DataTier[CloudSqlDataTierArgs]):
    """PostgreSQL of Cloud SQL and Valkey of Memorystore, which one service account may use.

    Attributes:
        monitored_databases, monitored_caches: what `GcpMonitoring` monitors.
    """

    args_type = CloudSqlDataTierArgs

    monitored_databases: list[GcpMonitoredDatabase]
    monitored_caches: list[GcpMonitoredCache]

    def deploy(self, args: CloudSqlDataTierArgs) -> DataTierResources:
        made = DataTierResources(database=None)
        self.monitored_databases, self.monitored_caches = [], []
        if args.has_database:
            instance = self._instance(args)
            user = self._contents(args, instance)
            replica = self._replica(args, instance) if args.read_replica else None
            self.monitored_databases = [
                GcpMonitoredDatabase(
                    name=f"{self.name}-{role}",
                    instance=one.output("name"),
                    machine=args.database_machine,
                    replica=role == "replica",
                )
                for role, one in (("database", instance), ("replica", replica))
                if one
            ]
            made = replace(
                made,
                database=user,
                database_host=instance.output("privateIpAddress"),
                database_user=args.user,
                database_credentials=f"{_project(args)}/serviceAccounts/{args.account}",
                ca=instance.output("serverCaCerts").apply(_authority),
            )
            if replica:
                authority = replica.output("serverCaCerts").apply(_authority)
                both = pulumi.Output.all(made.ca, authority).apply("\n".join)
                made = replace(made, read_host=replica.output("privateIpAddress"), ca=both)
        if args.has_cache:
            valkey = self._valkey(args)
            self.monitored_caches = [
                GcpMonitoredCache(
                    name=f"{self.name}-cache",
                    instance=valkey.output("instanceId"),
                    sessions=args.cache_profile is CacheProfile.SESSIONS,
                )
            ]
            connects, named = "memorystore.dbConnectionUser", _instance_of(args, valkey)
            self._may(args, connects, named)
            for account in args.cache_accounts:
                self._may(args, connects, named, account=account)
            made = replace(made, cache_host=valkey.output("endpoints").apply(_primary))
            if not args.has_database:
                made = replace(made, ca=valkey.output("managedServerCas").apply(_authorities))
        return made

    def _contents(self, args: CloudSqlDataTierArgs, instance: CloudResource) -> CloudResource:
        """The database, its user, and the rights to connect; returns the user."""
        CloudResource(
            "gcp:sql/database:Database",
            self.named("database-contents"),
            {
                "project": args.location.project,
                "instance": instance.output("name"),
                "name": args.database,
                # Deleting the instance deletes the database; without the instance nothing is lost.
                "deletionPolicy": "ABANDON",
            },
            opts=self.owned(),
        )
        user = CloudResource(
            "gcp:sql/user:User",
            self.named("database-user"),
            {
                "project": args.location.project,
                "instance": instance.output("name"),
                "name": args.user,
                "type": "CLOUD_IAM_SERVICE_ACCOUNT",
                # The user creates the schema, and the instance holds no other database.
                "databaseRoles": ["cloudsqlsuperuser"],
                # PostgreSQL drops no user that owns a schema; the instance takes it along.
                "deletionPolicy": "ABANDON",
            },
            opts=self.owned(),
        )
        named = pulumi.Output.concat(f"{_project(args)}/instances/", instance.output("name"))
        for role in ("cloudsql.client", "cloudsql.instanceUser"):
            self._may(args, role, named)
        return user

    def _may(
        self,
        args: CloudSqlDataTierArgs,
        role: str,
        instance: pulumi.Output[str],
        *,
        account: str | None = None,
    ) -> None:
        """Gives the account of the args, or another one, a role on one instance."""
        other = f"-{account.partition('@')[0]}" if account else ""
        CloudResource(
            "gcp:projects/iAMMember:IAMMember",
            self.named(f"may-{role.rpartition('.')[2]}{other}"),
            {
                "project": args.location.project,
                "role": f"roles/{role}",
                "member": f"serviceAccount:{account or args.account}",
                "condition": only_on("its own instance", instance),
            },
            opts=self.owned(),
        )

    def _instance(self, args: CloudSqlDataTierArgs) -> CloudResource:
        return CloudResource(
            _INSTANCE,
            self.named("database"),
            {
                "project": args.location.project,
                "region": args.location.region,
                "name": physical_name(_INSTANCE, self, args.location, "database"),
                "databaseVersion": VERSION,
                "encryptionKeyName": args.kms_key,
                "deletionProtection": args.protect,
                "settings": {
                    "tier": args.database_machine,
                    "edition": "ENTERPRISE",
                    "availabilityType": "REGIONAL" if args.high_availability else "ZONAL",
                    "diskType": "PD_SSD",
                    "diskSize": args.storage_gb,
                    "diskAutoresize": True,
                    "deletionProtectionEnabled": args.protect,
                    "retainBackupsOnDelete": args.protect,
                    "backupConfiguration": {
                        "enabled": True,
                        "pointInTimeRecoveryEnabled": True,
                        "transactionLogRetentionDays": args.point_in_time_days,
                        "backupRetentionSettings": {
                            "retainedBackups": args.backup_days,
                            "retentionUnit": "COUNT",
                        },
                    },
                    "ipConfiguration": _private(args),
                    "databaseFlags": _flags(),
                    "insightsConfig": {"queryInsightsEnabled": True},
                },
            },
            outputs=("privateIpAddress", "serverCaCerts"),
            opts=self.owned(protect=args.protect),
        )

    def _replica(self, args: CloudSqlDataTierArgs, instance: CloudResource) -> CloudResource:
        """An instance that follows the database; it has the same users."""
        return CloudResource(
            _INSTANCE,
            self.named("replica"),
            {
                "project": args.location.project,
                "region": args.location.region,
                "name": physical_name(_INSTANCE, self, args.location, "replica"),
                "masterInstanceName": instance.output("name"),
                "databaseVersion": VERSION,
                "encryptionKeyName": args.kms_key,
                "deletionProtection": args.protect,
                "settings": {
                    "tier": args.database_machine,
                    "edition": "ENTERPRISE",
                    "availabilityType": "ZONAL",
                    "diskType": "PD_SSD",
                    "diskSize": args.storage_gb,
                    "diskAutoresize": True,
                    "deletionProtectionEnabled": args.protect,
                    "ipConfiguration": _private(args),
                    "databaseFlags": _flags(),
                    "insightsConfig": {"queryInsightsEnabled": True},
                },
            },
            outputs=("privateIpAddress", "serverCaCerts"),
            opts=self.owned(protect=args.protect),
        )

    def _valkey(self, args: CloudSqlDataTierArgs) -> CloudResource:
        sessions = args.cache_profile is CacheProfile.SESSIONS
        return CloudResource(
            _VALKEY,
            self.named("cache"),
            {
                "project": args.location.project,
                "location": args.location.region,
                "instanceId": physical_name(_VALKEY, self, args.location, "cache"),
                "engineVersion": "VALKEY_8_0",
                "mode": "CLUSTER_DISABLED",
                "shardCount": 1,
                "replicaCount": args.cache_replicas,
                "nodeType": args.cache_machine,
                "kmsKey": args.kms_key,
                "authorizationMode": "IAM_AUTH",
                "transitEncryptionMode": "SERVER_AUTHENTICATION",
                "zoneDistributionConfig": {"mode": "MULTI_ZONE"},
                "engineConfigs": {"maxmemory-policy": "noeviction" if sessions else "allkeys-lru"},
                "persistenceConfig": {"mode": "AOF", "aofConfig": {"appendFsync": "EVERY_SEC"}}
                if sessions
                else {"mode": "DISABLED"},
                "automatedBackupConfig": {
                    "retention": f"{args.backup_days * 24 * 3600}s",
                    "fixedFrequencySchedule": {"startTime": {"hours": 3}},
                }
                if sessions
                else None,
                "desiredAutoCreatedEndpoints": [
                    {"network": args.location.network, "projectId": args.location.project}
                ],
                "deletionProtectionEnabled": args.protect,
            },
            outputs=("endpoints", "managedServerCas"),
            opts=self.owned(protect=args.protect),
        )


def _private(args: CloudSqlDataTierArgs) -> dict[str, Any]:
    return {
        "ipv4Enabled": False,
        "privateNetwork": args.location.network,
        "sslMode": "ENCRYPTED_ONLY",
        # A CA for each instance, which clients verify: its certificate has no name.
        "serverCaMode": "GOOGLE_MANAGED_INTERNAL_CA",
    }


def _flags() -> list[dict[str, str]]:
    return [{"name": name, "value": value} for name, value in _FLAGS.items()]


def _project(args: CloudSqlDataTierArgs) -> str:
    return f"projects/{args.location.project}"


def _instance_of(args: CloudSqlDataTierArgs, valkey: CloudResource) -> pulumi.Output[str]:
    at = f"{_project(args)}/locations/{args.location.region}/instances/"
    return pulumi.Output.concat(at, valkey.output("instanceId"))


def _authority(certificates: list[Mapping[str, Any]]) -> str:
    """The certificate, in PEM, of the CA of this instance alone."""
    return str(certificates[0]["cert"])


def _authorities(authorities: list[Mapping[str, Any]]) -> str:
    """The certificates, in PEM, of the CAs of this instance alone."""
    chains = [chain for authority in authorities for chain in authority["caCerts"]]
    return "\n".join(text.strip() for chain in chains for text in chain["certificates"]) + "\n"


def _primary(endpoints: list[Mapping[str, Any]]) -> str:
    """The address for writes; the others are for reads."""
    connections = [each["pscAutoConnection"] for end in endpoints for each in end["connections"]]
    primary = [c for c in connections if c.get("connectionType") == "CONNECTION_TYPE_PRIMARY"]
    return (primary or connections)[0]["ipAddress"]
