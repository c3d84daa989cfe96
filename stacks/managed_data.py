"""Registers the databases that clouds manage, for the platform and for servers in clouds."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import pulumi

from components.mcp.data_tier import DataTier

from .cloud_providers import CloudProviders
from .config.stack import StackConfig
from .data_tiers import managed_tiers
from .topologies.topology import POSTGRES, VALKEY

ManagedData = Mapping[str, DataTier[Any]]
"""The data tier of each store that a cloud manages."""


def managed_data(config: StackConfig, providers: CloudProviders) -> ManagedData:
    """Every chosen data tier in a cloud."""
    made: dict[str, DataTier[Any]] = {}
    for tier, stores in managed_tiers(config).items():
        provider = providers.cloud(str(tier.cloud))
        component = tier.component(
            tier.name,
            tier.args(config, stores, ""),
            opts=pulumi.ResourceOptions(providers=[provider]),
        )
        made |= dict.fromkeys(stores, component)
    return made


DATABASE_OUTPUTS: Final = (
    *("host", "read_host", "database_port", "database_name", "database_user"),
    *("url_secret", "read_url_secret", "ca", "backup_location"),
)
CACHE_OUTPUTS: Final = ("cache_host", "cache_port", "cache_user", "ca")


def data_outputs(made: ManagedData) -> dict[str, dict[str, Any]]:
    """What a user needs of each store: where it is, and its credentials and authority."""
    wanted = {POSTGRES: DATABASE_OUTPUTS, VALKEY: CACHE_OUTPUTS}
    return {
        store: {output: getattr(tier, output) for output in wanted[store]}
        for store, tier in made.items()
    }
