"""PostgreSQL of Amazon RDS and Valkey of ElastiCache, in private subnets of your VPC."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Final

import pulumi

from ..base.cloud_resource import CloudResource
from ..mcp.data_tier import POSTGRES, VALKEY, CacheProfile, DataTier, DataTierResources
from .cache import cache_name, replication_group, user_name
from .database_args import RdsDataTierArgs
from .logs import LOG_GROUP
from .monitored import AwsMonitoredCache, AwsMonitoredDatabase
from .naming import physical_name
from .network import Allowed, allow_ingress, cidr_in_name, security_group

INSTANCE: Final = "aws:rds/instance:Instance"
SUBNET_GROUP: Final = "aws:rds/subnetGroup:SubnetGroup"
PARAMETER_GROUP: Final = "aws:rds/parameterGroup:ParameterGroup"
MAJOR: Final = "17"
AUTHORITY: Final = "rds-ca-rsa2048-g1"
CACHE_AUTHORITY: Final = "Amazon Root CA 1"
EXPORTED_LOGS: Final = ("postgresql", "upgrade")


class RdsDataTier(DataTier[RdsDataTierArgs]):
    """PostgreSQL of Amazon RDS and Valkey of ElastiCache, in private subnets of your VPC.

    RDS creates the database user's password, keeps it in Secrets Manager and rotates it.

    Attributes:
        monitored_databases, monitored_caches: what `AwsMonitoring` monitors.
    """

    args_type = RdsDataTierArgs

    monitored_databases: list[AwsMonitoredDatabase]
    monitored_caches: list[AwsMonitoredCache]

    def deploy(self, args: RdsDataTierArgs) -> DataTierResources:
        made = DataTierResources(
            database=None, ca=AUTHORITY if args.has_database else CACHE_AUTHORITY
        )
        self.monitored_databases, self.monitored_caches = [], []
        if args.has_database:
            database, replica = self._database(args)
            self.monitored_databases = [
                AwsMonitoredDatabase(
                    name=f"{self.name}-{role}",
                    instance=instance.output("identifier"),
                    machine=args.database_machine,
                    storage_gb=args.storage_gb,
                    replica=role == "replica",
                )
                for role, instance in (("database", database), ("replica", replica))
                if instance
            ]
            made = replace(
                made,
                read_host=replica.output("address") if replica else None,
                database=database,
                database_host=database.output("address"),
                database_user=args.user,
                database_credentials=database.output("masterUserSecrets").apply(_only_arn),
            )
        if args.has_cache:
            group = self._group(args, "cache", VALKEY, "Valkey: from the servers")
            cache = replication_group(self, args, group=group)
            self.monitored_caches = [
                AwsMonitoredCache(
                    name=f"{self.name}-cache-{number}",
                    # ElastiCache numbers the nodes of a replication group without shards.
                    node=pulumi.Output.concat(cache.output("replicationGroupId"), f"-{number:03}"),
                    replica=number > 1,
                    sessions=args.cache_profile is CacheProfile.SESSIONS,
                )
                for number in range(1, args.cache_replicas + 2)
            ]
            made = replace(
                made,
                cache_host=cache.output("primaryEndpointAddress"),
                cache_user=user_name(self, args),
                cache_name=cache_name(self, args),
            )
        return made

    def _group(self, args: RdsDataTierArgs, role: str, port: int, purpose: str) -> CloudResource:
        """The security group of a store, and who may connect to it."""
        group = security_group(
            self, args.location, args.network, f"{role}-group", purpose=purpose, name=role
        )
        inside = [] if args.allowed_groups else [args.network.vpc_cidr]
        for cidr in args.allowed_networks or inside:
            allowed = Allowed(port, "From the network of the servers", cidr=cidr)
            allow_ingress(self, f"{role}-from-{cidr_in_name(cidr)}", group, allowed)
        for index, client in enumerate(args.allowed_groups):
            allowed = Allowed(port, "From the servers", group=client)
            allow_ingress(self, f"{role}-from-group-{index}", group, allowed)
        return group

    def _database(self, args: RdsDataTierArgs) -> tuple[CloudResource, CloudResource | None]:
        """The database, and its read replica if there is one."""
        name = physical_name(INSTANCE, self, args.location)
        subnets = CloudResource(
            SUBNET_GROUP,
            self.named("database-subnets"),
            {
                "name": physical_name(SUBNET_GROUP, self, args.location),
                "subnetIds": list(args.network.private_subnets),
            },
            opts=self.owned(),
        )
        parameters = CloudResource(
            PARAMETER_GROUP,
            self.named("database-parameters"),
            {
                "name": physical_name(PARAMETER_GROUP, self, args.location, f"postgres{MAJOR}"),
                "family": f"postgres{MAJOR}",
                "parameters": [{"name": "rds.force_ssl", "value": "1"}],
            },
            opts=self.owned(),
        )
        group = self._group(args, "database", POSTGRES, "PostgreSQL: from the servers")
        # RDS would create the log groups itself, without a retention.
        logs = [
            CloudResource(
                LOG_GROUP,
                self.named(f"database-{each}-log"),
                {
                    "name": f"/aws/rds/instance/{name}/{each}",
                    "retentionInDays": args.log_retention_days,
                    "kmsKeyId": args.kms_key,
                },
                opts=self.owned(),
            )
            for each in EXPORTED_LOGS
        ]
        database = CloudResource(
            INSTANCE,
            self.named("database"),
            {
                "identifier": name,
                "engine": "postgres",
                "engineVersion": MAJOR,
                "instanceClass": args.database_machine,
                "dbName": args.database,
                "username": args.user,
                "manageMasterUserPassword": True,
                "iamDatabaseAuthenticationEnabled": True,
                "port": POSTGRES,
                "storageType": "gp3",
                "allocatedStorage": args.storage_gb,
                "maxAllocatedStorage": args.max_storage_gb,
                "storageEncrypted": True,
                "kmsKeyId": args.kms_key,
                "masterUserSecretKmsKeyId": args.kms_key,
                "performanceInsightsKmsKeyId": args.kms_key,
                "multiAz": args.high_availability,
                "publiclyAccessible": False,
                "dbSubnetGroupName": subnets.output("name"),
                "vpcSecurityGroupIds": [group.output("id")],
                "parameterGroupName": parameters.output("name"),
                "caCertIdentifier": AUTHORITY,
                "backupRetentionPeriod": args.backup_days,
                "copyTagsToSnapshot": True,
                "deleteAutomatedBackups": False,
                "skipFinalSnapshot": False,
                "finalSnapshotIdentifier": f"{name}-final",
                "deletionProtection": args.protect,
                "autoMinorVersionUpgrade": True,
                "performanceInsightsEnabled": True,
                "databaseInsightsMode": "standard",
                "enabledCloudwatchLogsExports": list(EXPORTED_LOGS),
            },
            outputs=("address", "masterUserSecrets"),
            opts=self.owned(depends_on=logs, protect=args.protect),
        )
        if not args.read_replica:
            return database, None
        return database, self._replica(args, database, group, parameters)

    def _replica(
        self,
        args: RdsDataTierArgs,
        database: CloudResource,
        group: CloudResource,
        parameters: CloudResource,
    ) -> CloudResource:
        """A second instance that follows the database; it has the same users and passwords."""
        return CloudResource(
            INSTANCE,
            self.named("replica"),
            {
                "identifier": physical_name(INSTANCE, self, args.location, "replica"),
                "replicateSourceDb": database.output("identifier"),
                "instanceClass": args.database_machine,
                "maxAllocatedStorage": args.max_storage_gb,
                "storageEncrypted": True,
                "iamDatabaseAuthenticationEnabled": True,
                "publiclyAccessible": False,
                "vpcSecurityGroupIds": [group.output("id")],
                "parameterGroupName": parameters.output("name"),
                "caCertIdentifier": AUTHORITY,
                "backupRetentionPeriod": args.backup_days,
                "copyTagsToSnapshot": True,
                # RDS makes no final snapshot of a replica.
                "skipFinalSnapshot": True,
                "deletionProtection": args.protect,
                "autoMinorVersionUpgrade": True,
                "performanceInsightsEnabled": True,
                "performanceInsightsKmsKeyId": args.kms_key,
                "databaseInsightsMode": "standard",
            },
            outputs=("address",),
            opts=self.owned(protect=args.protect),
        )


def _only_arn(secrets: Sequence[Mapping[str, str]]) -> str:
    return secrets[0]["secretArn"]
