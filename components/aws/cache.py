"""Valkey of ElastiCache: encrypted, private, and with authentication."""

from __future__ import annotations

from typing import Any, Final

import pulumi

from ..base.cloud_resource import CloudResource
from ..base.component import Component
from ..base.refusal import refuse
from ..mcp.data_tier import VALKEY, CacheProfile
from .database_args import RdsDataTierArgs
from .forms import CACHE_PASSWORD
from .naming import physical_name

REPLICATION_GROUP: Final = "aws:elasticache/replicationGroup:ReplicationGroup"
SUBNET_GROUP: Final = "aws:elasticache/subnetGroup:SubnetGroup"
PARAMETER_GROUP: Final = "aws:elasticache/parameterGroup:ParameterGroup"
USER: Final = "aws:elasticache/user:User"
USER_GROUP: Final = "aws:elasticache/userGroup:UserGroup"
VERSION: Final = "8.1"
EVICTION: Final = {CacheProfile.SESSIONS: "noeviction", CacheProfile.CACHE: "allkeys-lru"}
RIGHTS: Final = "on ~* &* +@all -@admin -@dangerous +info"


def replication_group(
    owner: Component[Any], args: RdsDataTierArgs, *, group: CloudResource
) -> CloudResource:
    """A primary and its replicas in one shard, so that clients need no cluster mode."""
    location = args.location
    subnets = CloudResource(
        SUBNET_GROUP,
        owner.named("cache-subnets"),
        {
            "name": physical_name(SUBNET_GROUP, owner, location, "cache"),
            "subnetIds": list(args.network.private_subnets),
        },
        opts=owner.owned(),
    )
    parameters = CloudResource(
        PARAMETER_GROUP,
        owner.named("cache-parameters"),
        {
            "name": physical_name(PARAMETER_GROUP, owner, location, "valkey8"),
            "family": "valkey8",
            "parameters": [{"name": "maxmemory-policy", "value": EVICTION[args.cache_profile]}],
        },
        opts=owner.owned(),
    )
    several = args.cache_replicas > 0
    return CloudResource(
        REPLICATION_GROUP,
        owner.named("cache"),
        {
            "replicationGroupId": physical_name(REPLICATION_GROUP, owner, location),
            "description": f"{owner.name}: {args.cache_profile.value}",
            "engine": "valkey",
            "engineVersion": VERSION,
            "nodeType": args.cache_machine,
            "numCacheClusters": args.cache_replicas + 1,
            "automaticFailoverEnabled": several,
            "multiAzEnabled": several,
            "port": VALKEY,
            "subnetGroupName": subnets.output("name"),
            "securityGroupIds": [group.output("id")],
            "parameterGroupName": parameters.output("name"),
            "userGroupIds": [_users(owner, args).output("userGroupId")],
            "transitEncryptionEnabled": True,
            "transitEncryptionMode": "required",
            "atRestEncryptionEnabled": True,
            "kmsKeyId": args.kms_key,
            "snapshotRetentionLimit": args.backup_days,
            "finalSnapshotIdentifier": f"{physical_name(REPLICATION_GROUP, owner, location)}-final",
            "autoMinorVersionUpgrade": True,
        },
        outputs=("arn", "primaryEndpointAddress"),
        opts=owner.owned(protect=args.protect),
    )


def user_name(owner: Component[Any], args: RdsDataTierArgs) -> str:
    """IAM requires the name to be the user's id; clients with a password are ``default``."""
    return physical_name(USER, owner, args.location) if args.cache_password is None else "default"


def _users(owner: Component[Any], args: RdsDataTierArgs) -> CloudResource:
    """A group with one user; the default user of AWS, which has no password, is not in it."""
    authentication: dict[str, Any] = {"type": "iam"}
    if args.cache_password is not None:
        secret = pulumi.Output.secret(args.cache_password).apply(_checked_password)
        authentication = {"type": "password", "passwords": [secret]}
    user = CloudResource(
        USER,
        owner.named("cache-user"),
        {
            "userId": physical_name(USER, owner, args.location),
            "userName": user_name(owner, args),
            "engine": "valkey",
            "accessString": RIGHTS,
            "authenticationMode": authentication,
        },
        outputs=("arn",),
        opts=owner.owned(),
    )
    return CloudResource(
        USER_GROUP,
        owner.named("cache-users"),
        {
            "userGroupId": physical_name(USER_GROUP, owner, args.location),
            "engine": "valkey",
            "userIds": [user.output("userId")],
        },
        opts=owner.owned(),
    )


def _checked_password(password: str) -> str:
    """The password, where it became known after the args were checked."""
    if problem := CACHE_PASSWORD.problem("cache_password", password):
        refuse([problem])
    return password
