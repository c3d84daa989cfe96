"""Valkey of Google Cloud's Memorystore."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

import pulumi

from components.base.problems import Problem
from components.mcp.cache_token import CacheToken
from components.mcp.data_tier import CacheProfile, Stores

from ..addresses import CacheLogin
from ..config.identities import Identity
from ..config.managed_caches import Memorystore
from ..config.problem import at
from ..config.stack import StackConfig
from ..targets.gcp import gcp_location
from ..targets.gcp_sections import Gcp
from .kind import Tier
from .managed_cache import ManagedCache
from .rds import BACKUP_DAYS

if TYPE_CHECKING:
    from components.gcp.database import CloudSqlDataTier
    from components.gcp.database_args import CloudSqlDataTierArgs

MACHINES: Final = {"prod": "STANDARD_SMALL"}
"""The smallest ones that have 2 GB of keys and values; else 512 MB."""


def memorystore_args(
    config: StackConfig,
    stores: Sequence[str],  # noqa: ARG001
    namespace: pulumi.Input[str],  # noqa: ARG001
) -> CloudSqlDataTierArgs:
    """The cache in the network of ``clouds.gcp``; ``with_accounts`` says whose it is."""
    from components.gcp.database_args import CloudSqlDataTierArgs

    where, options = config.clouds.of("gcp"), config.data.memorystore or Memorystore()
    assert isinstance(where, Gcp)
    environment = config.environment
    return CloudSqlDataTierArgs(
        location=gcp_location(where),
        account="",
        stores=Stores.CACHE,
        cache_profile=CacheProfile(config.data.cache_profile),
        protect=config.data.protect,
        cache_machine=options.machine or MACHINES.get(environment, "SHARED_CORE_NANO"),
        cache_replicas=options.replicas,
        backup_days=options.backup_days or BACKUP_DAYS[environment],
        kms_key=where.kms_key,
    )


def with_accounts(
    args: CloudSqlDataTierArgs, identities: Sequence[Identity]
) -> CloudSqlDataTierArgs:
    """The args with the service accounts of the servers, which the cache lets in."""
    accounts = dict.fromkeys(each.gcp.service_account for each in identities if each.gcp)
    first, *others = sorted(accounts)
    return replace(args, account=first, cache_accounts=others)


def _component(
    name: str, args: CloudSqlDataTierArgs, *, opts: pulumi.ResourceOptions
) -> CloudSqlDataTier:
    from components.gcp.database import CloudSqlDataTier

    return CloudSqlDataTier(name, args, opts)


MEMORYSTORE_TIER: Final = Tier(
    name="cache",
    component=_component,
    args=memorystore_args,
    with_identities=with_accounts,
    cloud="gcp",
)


class MemorystoreKind(ManagedCache):
    """Valkey of Google Cloud's Memorystore, with IAM authentication."""

    name = "memorystore"
    tier = MEMORYSTORE_TIER
    section = "memorystore"
    token_cloud = "gcp"  # noqa: S105  (a cloud)
    arg_fields = {"cache_machine": "machine", "cache_replicas": "replicas"}

    def options(self, config: StackConfig) -> Any:
        return config.data.memorystore or Memorystore()

    def cache_token(self, config: StackConfig, login: CacheLogin) -> CacheToken:  # noqa: ARG002
        return CacheToken(kind="memorystore", authority=login.authority)

    def location_problems(self, config: StackConfig) -> Iterator[Problem]:
        where = config.clouds.of("gcp")
        if isinstance(where, Gcp) and where.network is None:
            yield at(
                "clouds.gcp.network",
                "is missing, and data.cacheKind is memorystore",
                "the cache would have no private address",
                "set the id of your network, projects/…/global/networks/…",
            )
