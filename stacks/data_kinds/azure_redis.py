"""Azure Managed Redis."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Final

import pulumi

from components.azure.facts import CACHE_PORT
from components.mcp.cache_token import CacheToken
from components.mcp.data_tier import CacheProfile, Stores

from ..addresses import CacheLogin
from ..cloud_providers import tags_of
from ..config.stack import StackConfig
from ..targets.azure_sections import Azure
from .kind import Tier
from .managed_cache import ManagedCache

if TYPE_CHECKING:
    from components.azure.database import AzurePostgresqlDataTier
    from components.azure.database_args import AzurePostgresqlDataTierArgs

MACHINES: Final = {"prod": "Balanced_B3"}
"""For 2 GB of keys and values, as in the full-stack document; else 512 MB."""


def azure_redis_args(
    config: StackConfig,
    stores: Sequence[str],  # noqa: ARG001
    namespace: pulumi.Input[str],  # noqa: ARG001
) -> AzurePostgresqlDataTierArgs:
    """The cache behind a private endpoint."""
    from components.azure.database_args import AzurePostgresqlDataTierArgs
    from components.azure.location import AzureLocation

    where, options = config.clouds.of("azure"), config.data.azure_redis
    assert isinstance(where, Azure)
    assert options is not None  # the_kind_has_its_section
    return AzurePostgresqlDataTierArgs(
        location=AzureLocation(
            subscription=where.subscription,
            tenant=where.tenant,
            region=where.location,
            tags=tags_of(config),
        ),
        stores=Stores.CACHE,
        cache_profile=CacheProfile(config.data.cache_profile),
        protect=config.data.protect,
        cache_subnet=options.subnet,
        cache_dns_zone=options.dns_zone,
        cache_principal=options.principal,
        cache_machine=options.machine or MACHINES.get(config.environment, "Balanced_B1"),
    )


def _component(
    name: str, args: AzurePostgresqlDataTierArgs, *, opts: pulumi.ResourceOptions
) -> AzurePostgresqlDataTier:
    from components.azure.database import AzurePostgresqlDataTier

    return AzurePostgresqlDataTier(name, args, opts)


AZURE_REDIS_TIER: Final = Tier(
    name="cache", component=_component, args=azure_redis_args, cloud="azure"
)


class AzureRedisKind(ManagedCache):
    """Azure Managed Redis, with Entra in place of access keys."""

    name = "azure-redis"
    tier = AZURE_REDIS_TIER
    section = "azure_redis"
    section_required = True
    token_cloud = "azure"  # noqa: S105  (a cloud)
    one_identity = True
    arg_fields = {
        "cache_subnet": "subnet",
        "cache_dns_zone": "dns_zone",
        "cache_machine": "machine",
    }

    def options(self, config: StackConfig) -> Any:
        assert config.data.azure_redis is not None  # the_kind_has_its_section
        return config.data.azure_redis

    def port(self, config: StackConfig) -> int:  # noqa: ARG002
        return CACHE_PORT

    def cache_token(self, config: StackConfig, login: CacheLogin) -> CacheToken:  # noqa: ARG002
        return CacheToken(kind="azure", user=login.user)
