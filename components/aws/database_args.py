"""Args of RdsDataTier, and their checks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import pulumi

from ..base.arg_types import Cidr, DatabaseName
from ..base.constraints import shown
from ..base.problems import Problem
from ..mcp.data_tier import CacheCommands, CacheProfile, ManagedDataTierArgs
from ..mcp.log_retention import LOG_DAYS
from .arg_types import (
    CacheMachine,
    CachePassword,
    DatabaseMachine,
    KmsKey,
    RoleArn,
    SecurityGroupId,
)
from .limits import ELASTICACHE_BACKUPS, ELASTICACHE_NODES, RDS_BACKUPS
from .location import AwsLocation
from .logs import retention_problems
from .network import AwsNetwork, ipv4_problems


@dataclass(frozen=True, kw_only=True)
class RdsDataTierArgs(ManagedDataTierArgs):
    """Args of the data tier on AWS.

    Attributes:
        location: account and region.
        network: your VPC; both are in its private subnets.
        user: the database user, created on the first start; it owns the database.
        allowed_networks: networks in CIDR form that may connect.
        allowed_groups: ids of security groups whose members may connect; where neither is named,
            the VPC may.
        database_machine: instance class of the database.
        storage_gb, max_storage_gb: storage at first, and the size up to which it grows.
        high_availability: a standby in another zone takes over when the database's own fails.
        read_replica: a second instance for queries that only read, at the output ``read_host``.
        cache_machine: type of the cache's nodes.
        cache_replicas: nodes besides the primary; one of them takes over when the primary fails.
        cache_password: a secret of Pulumi's, 16 characters or more, for clients that cannot sign
            requests: they log in as the user ``default``. None: there is no password; clients
            sign as the user in the output ``cache_user``, with an identity that has
            ``elasticache:Connect``.
        cache_roles: ARNs of roles in the account that may log in as that user; each gets the right
            ``elasticache:Connect`` to this cache and this user.
        cache_commands: what the user may do.
        backup_days: days that backups of the database and snapshots of the cache are kept.
        log_retention_days: days that logs are kept.
        kms_key: ARN of your key in AWS KMS, which encrypts both, their backups, the password and
            the logs; None: keys of AWS. Another key replaces the database and the cache.
    """

    location: AwsLocation
    network: AwsNetwork
    user: DatabaseName = "qudag"
    allowed_networks: Sequence[Cidr] = ()
    allowed_groups: Sequence[pulumi.Input[SecurityGroupId]] = ()
    database_machine: DatabaseMachine = "db.t4g.medium"
    storage_gb: int = 20
    max_storage_gb: int = 100
    high_availability: bool = True
    read_replica: bool = False
    cache_machine: CacheMachine = "cache.t4g.small"
    cache_replicas: int = 1
    cache_password: pulumi.Input[CachePassword] | None = None
    cache_roles: Sequence[RoleArn] = ()
    cache_commands: CacheCommands = CacheCommands.DATA
    backup_days: int = 7
    log_retention_days: int = LOG_DAYS
    kms_key: KmsKey | None = None

    def refusals(self) -> list[Problem]:
        return [
            *super().refusals(),
            *RDS_BACKUPS.problems("backup_days", self.backup_days, fix="write 7"),
            *ELASTICACHE_BACKUPS.problems("backup_days", self.backup_days, fix="write 7"),
            *ELASTICACHE_NODES.problems("cache_replicas", self.cache_replicas + 1, fix="write 1"),
            *retention_problems("log_retention_days", self.log_retention_days),
            *self.location.elsewhere_problems({"kms_key": self.kms_key}),
            *_subnets(self.network),
            *ipv4_problems("allowed_networks", self.allowed_networks),
            *_storage(self),
            *_sessions(self),
            *_roles(self),
        ]


def _subnets(network: AwsNetwork) -> list[Problem]:
    if len(network.private_subnets) >= 2:
        return []
    return [
        Problem(
            "network.private_subnets",
            f"has {len(network.private_subnets)}",
            "AWS refuses a subnet group in one zone (Amazon RDS User Guide, Working with a DB "
            "instance in a VPC)",
            "list two or more, in two availability zones",
        )
    ]


def _storage(args: RdsDataTierArgs) -> list[Problem]:
    if args.max_storage_gb > args.storage_gb:
        return []
    return [
        Problem(
            "max_storage_gb",
            f"is {shown(args.max_storage_gb)}, and storage_gb is {shown(args.storage_gb)}",
            "AWS refuses it: the storage could not grow (Amazon RDS User Guide, Storage "
            "autoscaling)",
            f"write {shown(2 * args.storage_gb)}",
        )
    ]


def _sessions(args: RdsDataTierArgs) -> list[Problem]:
    if not args.has_cache or args.cache_profile is CacheProfile.CACHE or args.cache_replicas:
        return []
    return [
        Problem(
            "cache_replicas",
            f"is {shown(args.cache_replicas)}, and the cache holds sessions",
            "ElastiCache writes no append-only file: sessions are lost when the only node fails",
            "write 1, or set cache_profile to CACHE",
        )
    ]


def _roles(args: RdsDataTierArgs) -> list[Problem]:
    problems: list[Problem] = []
    if args.cache_roles and args.cache_password is not None:
        problems.append(
            Problem(
                "cache_roles",
                "is set, and cache_password as well",
                "the user logs in with the password: the right to sign would have no effect",
                "leave one of the two out",
            )
        )
    for index, role in enumerate(args.cache_roles):
        if [*role.split(":"), *[""] * 5][4] not in ("", args.location.account):
            problems.append(
                Problem(
                    f"cache_roles[{index}]",
                    f"{role} is not in the account {args.location.account}",
                    "AWS IAM refuses the policy: there is no such role",
                    "name a role of the account, which the pods assume",
                )
            )
    return problems
