"""PostgreSQL of Amazon RDS and Valkey of ElastiCache, in private subnets of your VPC."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal

import pulumi

from ..base.cloud_resource import CloudResource
from ..base.component import Component
from ..base.limits import refuse
from ..base.problems import Problem
from ..mcp.data_contract import POSTGRES, VALKEY, CacheProfile, Contents, Provided
from .cache import replication_group, user_name
from .facts import ELASTICACHE_BACKUPS, ELASTICACHE_NODES, RDS_BACKUPS
from .identity import LOG_GROUP, physical, retention_problems
from .location import AwsLocation
from .network import Allowed, AwsNetwork, called, let_in, security_group

INSTANCE = "aws:rds/instance:Instance"
SUBNET_GROUP = "aws:rds/subnetGroup:SubnetGroup"
PARAMETER_GROUP = "aws:rds/parameterGroup:ParameterGroup"
MAJOR: Final = "17"
EXPORTED_LOGS: Final = ("postgresql", "upgrade")


@dataclass(frozen=True, kw_only=True)
class Rds:
    """What AWS needs to know.

    Attributes:
        location: account and region.
        network: your VPC; both are in its private subnets.
        allowed_from: networks that may connect.
        allowed_groups: ids of security groups whose members may connect; where neither is named,
            the VPC may.
        instance_class: of the database.
        storage_gb, most_storage_gb: what it begins with, and what it may grow to.
        multi_az: a standby in another zone takes over when the database's own fails.
        cache_node: type of the cache's nodes.
        cache_nodes: one primary, the others its replicas; one of them takes over when it fails.
        cache_password: a secret of Pulumi's, 16 characters or more, for clients that cannot sign:
            they are the user ``default``. None: there is no password; clients sign as the user
            that the output ``cache_user`` names, with an identity that has ``elasticache:Connect``.
        backup_days: how far back the database can be restored, and snapshots of the cache are kept.
        log_retention: days.
        type: tells this kind from the others where args are a mapping.
    """

    location: AwsLocation
    network: AwsNetwork
    allowed_from: Sequence[str] = ()
    allowed_groups: Sequence[pulumi.Input[str]] = ()
    instance_class: str = "db.t4g.medium"
    storage_gb: int = 20
    most_storage_gb: int = 100
    multi_az: bool = True
    cache_node: str = "cache.t4g.small"
    cache_nodes: int = 2
    cache_password: pulumi.Input[str] | None = None
    backup_days: int = 7
    log_retention: int = 30
    type: Literal["rds"] = "rds"


def rds(owner: Component[Any], kind: Rds, contents: Contents) -> Provided:
    """Makes both; AWS makes the database's password, keeps it in Secrets Manager and rotates it.

    Raises:
        ProblemReport: what AWS publishes that it cannot do.
    """
    refuse(_problems(kind, contents))
    database = _database(owner, kind, contents)
    cache = replication_group(
        owner,
        kind,
        contents,
        group=_group(owner, kind, "cache", VALKEY, "Valkey: from the servers"),
    )
    return Provided(
        database=database,
        database_host=database.output("address"),
        cache_host=cache.output("primaryEndpointAddress"),
        cache_user=user_name(owner, kind),
        database_credentials=database.output("masterUserSecrets").apply(_only_arn),
    )


def _problems(kind: Rds, contents: Contents) -> list[Problem]:
    found = [
        *RDS_BACKUPS.problems("kind.backup_days", kind.backup_days, fix="write 7"),
        *ELASTICACHE_BACKUPS.problems("kind.backup_days", kind.backup_days, fix="write 7"),
        *ELASTICACHE_NODES.problems("kind.cache_nodes", kind.cache_nodes, fix="write 2"),
        *retention_problems("kind.log_retention", kind.log_retention),
    ]
    if len(kind.network.private_subnets) < 2:
        found.append(
            Problem(
                "kind.network.private_subnets",
                f"has {len(kind.network.private_subnets)}",
                "AWS refuses a subnet group in one zone (Amazon RDS User Guide, Working with a DB "
                "instance in a VPC)",
                "name two or more, in two availability zones",
            )
        )
    if kind.most_storage_gb <= kind.storage_gb:
        found.append(
            Problem(
                "kind.most_storage_gb",
                f"is {kind.most_storage_gb}, and storage_gb is {kind.storage_gb}",
                "AWS refuses it: the storage could not grow (Amazon RDS User Guide, Storage "
                "autoscaling)",
                f"write {2 * kind.storage_gb}",
            )
        )
    if contents.cache_profile is CacheProfile.SESSIONS and kind.cache_nodes < 2:
        found.append(
            Problem(
                "kind.cache_nodes",
                f"is {kind.cache_nodes}, and the cache holds sessions",
                "ElastiCache writes no append-only file: with its only node they would be lost",
                "write 2, or set cache_profile to CACHE",
            )
        )
    return found


def _group(owner: Component[Any], kind: Rds, role: str, port: int, purpose: str) -> CloudResource:
    group = security_group(owner, kind.location, kind.network, role, purpose=purpose)
    networks = kind.allowed_from or ([] if kind.allowed_groups else [kind.network.vpc_cidr])
    for cidr in networks:
        allowed = Allowed(port, "From the network of the servers", cidr=cidr)
        let_in(owner, f"{role}-from-{called(cidr)}", group, allowed)
    for index, client in enumerate(kind.allowed_groups):
        allowed = Allowed(port, "From the servers", group=client)
        let_in(owner, f"{role}-from-group-{index}", group, allowed)
    return group


def _database(owner: Component[Any], kind: Rds, contents: Contents) -> CloudResource:
    name = physical(INSTANCE, owner, kind.location)
    subnets = CloudResource(
        SUBNET_GROUP,
        owner.named("database-subnets"),
        {
            "name": physical(SUBNET_GROUP, owner, kind.location),
            "subnetIds": list(kind.network.private_subnets),
        },
        opts=owner.owned(),
    )
    parameters = CloudResource(
        PARAMETER_GROUP,
        owner.named("database-parameters"),
        {
            "name": physical(PARAMETER_GROUP, owner, kind.location, f"postgres{MAJOR}"),
            "family": f"postgres{MAJOR}",
            "parameters": [{"name": "rds.force_ssl", "value": "1"}],
        },
        opts=owner.owned(),
    )
    group = _group(owner, kind, "database", POSTGRES, "PostgreSQL: from the servers")
    # RDS would make them itself on the first line, and they would never forget.
    logs = [
        CloudResource(
            LOG_GROUP,
            owner.named(f"database-{each}-log"),
            {"name": f"/aws/rds/instance/{name}/{each}", "retentionInDays": kind.log_retention},
            opts=owner.owned(),
        )
        for each in EXPORTED_LOGS
    ]
    return CloudResource(
        INSTANCE,
        owner.named("database"),
        {
            "identifier": name,
            "engine": "postgres",
            "engineVersion": MAJOR,
            "instanceClass": kind.instance_class,
            "dbName": contents.database,
            "username": contents.user,
            "manageMasterUserPassword": True,
            "port": POSTGRES,
            "storageType": "gp3",
            "allocatedStorage": kind.storage_gb,
            "maxAllocatedStorage": kind.most_storage_gb,
            "storageEncrypted": True,
            "multiAz": kind.multi_az,
            "publiclyAccessible": False,
            "dbSubnetGroupName": subnets.output("name"),
            "vpcSecurityGroupIds": [group.output("id")],
            "parameterGroupName": parameters.output("name"),
            "caCertIdentifier": "rds-ca-rsa2048-g1",
            "backupRetentionPeriod": kind.backup_days,
            "copyTagsToSnapshot": True,
            "deleteAutomatedBackups": False,
            "skipFinalSnapshot": False,
            "finalSnapshotIdentifier": f"{name}-final",
            "deletionProtection": contents.protect,
            "autoMinorVersionUpgrade": True,
            "performanceInsightsEnabled": True,
            "databaseInsightsMode": "standard",
            "enabledCloudwatchLogsExports": list(EXPORTED_LOGS),
        },
        outputs=("address", "masterUserSecrets"),
        opts=owner.owned(depends_on=logs, protect=contents.protect),
    )


def _only_arn(secrets: Sequence[Mapping[str, str]]) -> str:
    return secrets[0]["secretArn"]
