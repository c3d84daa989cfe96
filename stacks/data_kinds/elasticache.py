"""Valkey of Amazon ElastiCache."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

import pulumi

from components.base.problems import Problem
from components.mcp.cache_token import CacheToken
from components.mcp.data_tier import CacheCommands, CacheProfile, Stores

from ..addresses import CacheLogin
from ..config.identities import Identity
from ..config.managed_caches import ElastiCache
from ..config.problem import at
from ..config.stack import StackConfig
from ..targets.aws import aws_location, aws_network
from ..targets.aws_sections import Aws
from .kind import Tier
from .managed_cache import ManagedCache
from .rds import BACKUP_DAYS

if TYPE_CHECKING:
    from components.aws.database import RdsDataTier
    from components.aws.database_args import RdsDataTierArgs

MACHINES: Final = {"prod": "cache.t4g.medium"}
"""For 2 GB of keys and values, as in the full-stack document; else 512 MB."""


def elasticache_args(
    config: StackConfig,
    stores: Sequence[str],  # noqa: ARG001
    namespace: pulumi.Input[str],  # noqa: ARG001
) -> RdsDataTierArgs:
    """The cache in the subnets of ``clouds.aws.network``."""
    from components.aws.database_args import RdsDataTierArgs

    where, options = _place(config), config.data.elasticache or ElastiCache()
    assert where.network is not None  # ManagedKind.problems
    environment = config.environment
    return RdsDataTierArgs(
        location=aws_location(where),
        network=aws_network(where.network),
        stores=Stores.CACHE,
        cache_profile=CacheProfile(config.data.cache_profile),
        protect=config.data.protect,
        allowed_networks=options.clients,
        cache_machine=options.machine or MACHINES.get(environment, "cache.t4g.small"),
        cache_replicas=options.replicas,
        cache_commands=CacheCommands.SESSIONS,
        backup_days=options.backup_days or BACKUP_DAYS[environment],
        kms_key=where.kms_key,
    )


def with_roles(args: RdsDataTierArgs, identities: Sequence[Identity]) -> RdsDataTierArgs:
    """The args with the roles of the servers, which the cache lets in."""
    roles = [each.aws.role for each in identities if each.aws]
    return replace(args, cache_roles=list(dict.fromkeys(roles)))


def account_of(role: str) -> str:
    """The number of the account in the ARN of a role."""
    return role.split(":")[4]


def _place(config: StackConfig) -> Aws:
    where = config.clouds.of("aws")
    assert isinstance(where, Aws)
    return where


def _component(name: str, args: RdsDataTierArgs, *, opts: pulumi.ResourceOptions) -> RdsDataTier:
    from components.aws.database import RdsDataTier

    return RdsDataTier(name, args, opts)


ELASTICACHE_TIER: Final = Tier(
    name="cache",
    component=_component,
    args=elasticache_args,
    with_identities=with_roles,
    cloud="aws",
)


class ElastiCacheKind(ManagedCache):
    """Valkey of Amazon ElastiCache, with IAM authentication."""

    name = "elasticache"
    tier = ELASTICACHE_TIER
    section = "elasticache"
    token_cloud = "aws"  # noqa: S105  (a cloud)
    arg_fields = {
        "allowed_networks": "clients",
        "cache_machine": "machine",
        "cache_replicas": "replicas",
    }

    def options(self, config: StackConfig) -> Any:
        return config.data.elasticache or ElastiCache()

    def cache_token(self, config: StackConfig, login: CacheLogin) -> CacheToken:
        return CacheToken(
            kind="elasticache",
            user=login.user,
            cache_name=login.name,
            region=_place(config).region,
        )

    def identity_problem(
        self, config: StackConfig, identity: Identity
    ) -> tuple[Sequence[str], str, str, str] | None:
        where = config.clouds.of("aws")
        if (
            identity.aws is None
            or not isinstance(where, Aws)
            or account_of(identity.aws.role) == where.account
        ):
            return None
        return (
            ("aws", "role"),
            f"is not in the account {where.account}, which has the cache",
            "AWS IAM refuses to attach the policy by which it may log in",
            "name a role of that account, which the pods assume",
        )

    def location_problems(self, config: StackConfig) -> Iterator[Problem]:
        if _place(config).network is None:
            yield at(
                "clouds.aws.network",
                "is missing, and data.cacheKind is elasticache",
                "the cache has no subnets to stand in",
                "set vpc, cidr, publicSubnets and privateSubnets",
            )
