"""Registers the databases that clouds manage, for the platform and for servers in clouds."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import pulumi

from components.mcp.data_tier import DataTier

from .addresses import CacheLogin
from .cloud_providers import CloudProviders
from .config.stack import StackConfig
from .data_tiers import managed_tiers
from .store_users import identities_of_users
from .topologies.topology import POSTGRES, VALKEY

ManagedData = Mapping[str, DataTier[Any]]
"""The data tier of each store that a cloud manages."""


def managed_data(config: StackConfig, providers: CloudProviders) -> ManagedData:
    """Every chosen data tier in a cloud."""
    made: dict[str, DataTier[Any]] = {}
    for tier, stores in managed_tiers(config).items():
        provider = providers.cloud(str(tier.cloud))
        args = tier.args(config, stores, "")
        if tier.with_identities:
            users = [identities_of_users(config, store).values() for store in stores]
            args = tier.with_identities(args, [one for each in users for one in each if one])
        component = tier.component(
            tier.name,
            args,
            opts=pulumi.ResourceOptions(providers=[provider]),
        )
        made |= dict.fromkeys(stores, component)
    return made


def cache_login(cache: DataTier[Any]) -> CacheLogin:
    """What tokens for the cache are for."""
    return CacheLogin(user=cache.cache_user, name=cache.cache_name, authority=cache.ca)


DATABASE_OUTPUTS: Final = (
    *("host", "read_host", "database_port", "database_name", "database_user"),
    *("url_secret", "read_url_secret", "ca", "backup_location"),
)
CACHE_OUTPUTS: Final = ("cache_host", "cache_port", "cache_user", "cache_name", "ca")


def data_outputs(made: ManagedData) -> dict[str, dict[str, Any]]:
    """What a user needs of each store: where it is, and its credentials and CA."""
    wanted = {POSTGRES: DATABASE_OUTPUTS, VALKEY: CACHE_OUTPUTS}
    return {
        store: {output: getattr(tier, output) for output in wanted[store]}
        for store, tier in made.items()
    }
