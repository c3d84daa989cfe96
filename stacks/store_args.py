"""The settings of a server for the data stores: address, profile and connection pools."""

from __future__ import annotations

import pulumi

from components.mcp.data_tier import CacheProfile
from components.mcp.server_config import Cache, Database

from .config.data import Data


def database(data: Data, host: pulumi.Input[str]) -> Database:
    """PostgreSQL at ``host``."""
    return Database(
        host=host,
        max_connections=data.database_connections,
        **data.database_pool.model_dump(),
    )


def cache(data: Data, host: pulumi.Input[str]) -> Cache:
    """Valkey at ``host``."""
    return Cache(
        host=host,
        profile=CacheProfile(data.cache_profile),
        max_connections=data.cache_connections,
    )
