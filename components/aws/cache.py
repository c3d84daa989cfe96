"""Valkey of ElastiCache: encrypted, private, and with authentication."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import pulumi

from ..base.cloud_resource import CloudResource
from ..base.component import Component
from ..base.refusal import refuse
from ..mcp.data_tier import VALKEY, CacheCommands, CacheProfile
from ..mcp.session_commands import SESSION_COMMANDS
from .database_args import RdsDataTierArgs
from .forms import CACHE_PASSWORD
from .identity import policy_document
from .naming import physical_name

REPLICATION_GROUP: Final = "aws:elasticache/replicationGroup:ReplicationGroup"
SUBNET_GROUP: Final = "aws:elasticache/subnetGroup:SubnetGroup"
PARAMETER_GROUP: Final = "aws:elasticache/parameterGroup:ParameterGroup"
USER: Final = "aws:elasticache/user:User"
POLICY: Final = "aws:iam/policy:Policy"
ATTACHMENT: Final = "aws:iam/rolePolicyAttachment:RolePolicyAttachment"
USER_GROUP: Final = "aws:elasticache/userGroup:UserGroup"
VERSION: Final = "8.1"
EVICTION: Final = {CacheProfile.SESSIONS: "noeviction", CacheProfile.CACHE: "allkeys-lru"}
RIGHTS: Final = {
    CacheCommands.DATA: "on ~* &* +@all -@admin -@dangerous +info",
    CacheCommands.SESSIONS: f"on ~* -@all {' '.join(f'+{name}' for name in SESSION_COMMANDS)}",
}
"""Access strings of users (ElastiCache User Guide, Role-Based Access Control)."""


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
    users, user = _users(owner, args)
    made = CloudResource(
        REPLICATION_GROUP,
        owner.named("cache"),
        {
            "replicationGroupId": cache_name(owner, args),
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
            "userGroupIds": [users.output("userGroupId")],
            "transitEncryptionEnabled": True,
            "transitEncryptionMode": "required",
            "atRestEncryptionEnabled": True,
            "kmsKeyId": args.kms_key,
            "snapshotRetentionLimit": args.backup_days,
            "finalSnapshotIdentifier": f"{cache_name(owner, args)}-final",
            "autoMinorVersionUpgrade": True,
        },
        outputs=("arn", "primaryEndpointAddress"),
        opts=owner.owned(protect=args.protect),
    )
    if args.cache_roles:
        _may_connect(owner, args, [made, user])
    return made


def cache_name(owner: Component[Any], args: RdsDataTierArgs) -> str:
    """The id of the replication group, for which tokens are signed."""
    return physical_name(REPLICATION_GROUP, owner, args.location)


def _may_connect(owner: Component[Any], args: RdsDataTierArgs, to: Sequence[CloudResource]) -> None:
    """Lets roles of the account log in as the user, to this cache alone."""
    right = {
        "Effect": "Allow",
        "Action": ["elasticache:Connect"],
        "Resource": [each.output("arn") for each in to],
    }
    policy = CloudResource(
        POLICY,
        owner.named("cache-policy"),
        {
            "name": physical_name(POLICY, owner, args.location, "cache"),
            "policy": policy_document(right),
        },
        outputs=("arn",),
        opts=owner.owned(),
    )
    for role in args.cache_roles:
        name = role.rpartition("/")[2]
        CloudResource(
            ATTACHMENT,
            owner.named(f"may-connect-{name}"),
            {"role": name, "policyArn": policy.output("arn")},
            opts=owner.owned(),
        )


def user_name(owner: Component[Any], args: RdsDataTierArgs) -> str:
    """IAM requires the name to be the user's id; clients with a password are ``default``."""
    return physical_name(USER, owner, args.location) if args.cache_password is None else "default"


def _users(owner: Component[Any], args: RdsDataTierArgs) -> tuple[CloudResource, CloudResource]:
    """A group and its user; the default user of AWS, which has no password, is not in it."""
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
            "accessString": RIGHTS[args.cache_commands],
            "authenticationMode": authentication,
        },
        outputs=("arn",),
        opts=owner.owned(),
    )
    users = CloudResource(
        USER_GROUP,
        owner.named("cache-users"),
        {
            "userGroupId": physical_name(USER_GROUP, owner, args.location),
            "engine": "valkey",
            "userIds": [user.output("userId")],
        },
        opts=owner.owned(),
    )
    return users, user


def _checked_password(password: str) -> str:
    """The password, where it became known after the args were checked."""
    if problem := CACHE_PASSWORD.problem("cache_password", password):
        refuse([problem])
    return password
