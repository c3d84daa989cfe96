"""Valkey of ElastiCache: encrypted, private, and closed to whoever does not prove who they are."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import pulumi

from ..base.cloud_resource import CloudResource
from ..base.component import Component
from ..base.limits import refuse
from ..base.problems import Problem
from ..mcp.data_contract import VALKEY, CacheProfile, Contents
from .identity import physical

if TYPE_CHECKING:
    from .database import Rds

REPLICATION_GROUP = "aws:elasticache/replicationGroup:ReplicationGroup"
SUBNET_GROUP = "aws:elasticache/subnetGroup:SubnetGroup"
PARAMETER_GROUP = "aws:elasticache/parameterGroup:ParameterGroup"
USER = "aws:elasticache/user:User"
USER_GROUP = "aws:elasticache/userGroup:UserGroup"
VERSION: Final = "8.1"
EVICTION: Final = {CacheProfile.SESSIONS: "noeviction", CacheProfile.CACHE: "allkeys-lru"}
SHORTEST_PASSWORD: Final = 16
"""Amazon ElastiCache User Guide, Role-Based Access Control."""
RIGHTS: Final = "on ~* &* +@all -@admin -@dangerous +info"


def replication_group(
    owner: Component[Any], kind: Rds, contents: Contents, *, group: CloudResource
) -> CloudResource:
    """A primary and its replicas in one shard: clients need not know of shards."""
    location = kind.location
    subnets = CloudResource(
        SUBNET_GROUP,
        owner.named("cache-subnets"),
        {
            "name": physical(SUBNET_GROUP, owner, location, "cache"),
            "subnetIds": list(kind.network.private_subnets),
        },
        opts=owner.owned(),
    )
    parameters = CloudResource(
        PARAMETER_GROUP,
        owner.named("cache-parameters"),
        {
            "name": physical(PARAMETER_GROUP, owner, location, "valkey8"),
            "family": "valkey8",
            "parameters": [{"name": "maxmemory-policy", "value": EVICTION[contents.cache_profile]}],
        },
        opts=owner.owned(),
    )
    several = kind.cache_nodes > 1
    return CloudResource(
        REPLICATION_GROUP,
        owner.named("cache"),
        {
            "replicationGroupId": physical(REPLICATION_GROUP, owner, location),
            "description": f"{owner.name}: {contents.cache_profile.value}",
            "engine": "valkey",
            "engineVersion": VERSION,
            "nodeType": kind.cache_node,
            "numCacheClusters": kind.cache_nodes,
            "automaticFailoverEnabled": several,
            "multiAzEnabled": several,
            "port": VALKEY,
            "subnetGroupName": subnets.output("name"),
            "securityGroupIds": [group.output("id")],
            "parameterGroupName": parameters.output("name"),
            "userGroupIds": [_users(owner, kind).output("userGroupId")],
            "transitEncryptionEnabled": True,
            "transitEncryptionMode": "required",
            "atRestEncryptionEnabled": True,
            "snapshotRetentionLimit": kind.backup_days,
            "finalSnapshotIdentifier": f"{physical(REPLICATION_GROUP, owner, location)}-final",
            "autoMinorVersionUpgrade": True,
        },
        outputs=("arn", "primaryEndpointAddress"),
        opts=owner.owned(protect=contents.protect),
    )


def user_name(owner: Component[Any], kind: Rds) -> str:
    """IAM wants the user's id for its name; who says only a password is the user ``default``."""
    return physical(USER, owner, kind.location) if kind.cache_password is None else "default"


def _users(owner: Component[Any], kind: Rds) -> CloudResource:
    """The only user there is, in a group; AWS's own user without a password is not in it."""
    proof: dict[str, Any] = {"type": "iam"}
    if kind.cache_password is not None:
        secret = pulumi.Output.secret(kind.cache_password).apply(_long_enough)
        proof = {"type": "password", "passwords": [secret]}
    user = CloudResource(
        USER,
        owner.named("cache-user"),
        {
            "userId": physical(USER, owner, kind.location),
            "userName": user_name(owner, kind),
            "engine": "valkey",
            "accessString": RIGHTS,
            "authenticationMode": proof,
        },
        outputs=("arn",),
        opts=owner.owned(),
    )
    return CloudResource(
        USER_GROUP,
        owner.named("cache-users"),
        {
            "userGroupId": physical(USER_GROUP, owner, kind.location),
            "engine": "valkey",
            "userIds": [user.output("userId")],
        },
        opts=owner.owned(),
    )


def _long_enough(password: str) -> str:
    if len(password) < SHORTEST_PASSWORD:
        refuse(
            [
                Problem(
                    "kind.cache_password",
                    f"is shorter than {SHORTEST_PASSWORD} characters",
                    "ElastiCache refuses it (User Guide, Role-Based Access Control)",
                    "make a longer one: openssl rand -hex 24",
                )
            ]
        )
    return password
