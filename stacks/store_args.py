"""The settings of servers for data stores and volumes: addresses, passwords, connection pools."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import pulumi

from components.kubernetes.pod_settings import SecretKey
from components.kubernetes.shared_volume import NfsExport, SharedVolumeArgs
from components.mcp.data_tier import CacheProfile
from components.mcp.server_config import INTERNAL_CA_PATH, Cache, Database

from .config.data import Data, SharedVolume
from .config.servers import Server
from .config.stack import StackConfig
from .placement import placement
from .topologies.topology import POSTGRES, STORES, VALKEY

AUTHORITY: Final = f"{INTERNAL_CA_PATH}/ca.crt"
PASSWORDS: Final = {POSTGRES: "database-password", VALKEY: "redis-password"}
"""The key of each store's password in the Secret of passwords."""
_PASSWORD_VARIABLES: Final = {POSTGRES: "PGPASSWORD", VALKEY: "REDIS_PASSWORD"}


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


def store_variables(config: StackConfig, name: str, server: Server) -> Mapping[str, str]:
    """The variables that name the stores to a server of the section ``servers``.

    The URLs have no password: drivers read PGUSER and PGPASSWORD where a URL names no user.
    """
    variables: dict[str, str] = {}
    hosts = {store: placement(config).host(store, seen_from=name) for store in server.uses}
    if POSTGRES in server.uses:
        there = Database(host=hosts[POSTGRES])
        address = f"{hosts[POSTGRES]}:{there.port}/{there.name}"
        variables |= {
            "DATABASE_URL": f"postgresql://{address}?sslmode=verify-full&sslrootcert={AUTHORITY}",
            "PGUSER": there.user,
        }
    if VALKEY in server.uses:
        variables |= {
            "REDIS_URL": f"rediss://{hosts[VALKEY]}:{STORES[VALKEY]}",
            "REDIS_CA_FILE": AUTHORITY,
        }
    return variables


def store_passwords(config: StackConfig, server: Server) -> Mapping[str, SecretKey]:
    """The variables with the passwords of the stores that a server uses."""
    return {
        _PASSWORD_VARIABLES[store]: SecretKey(secret=config.secrets.passwords, key=PASSWORDS[store])
        for store in server.uses
    }


def shared_volume_args(
    config: StackConfig, volume: SharedVolume, namespace: pulumi.Input[str]
) -> SharedVolumeArgs:
    """One volume of ``data.volumes``."""
    return SharedVolumeArgs(
        namespace=namespace,
        size=volume.size,
        storage_class=volume.storage_class or config.data.storage_class,
        nfs=NfsExport(**volume.nfs.model_dump()) if volume.nfs else None,
        protect=config.data.protect,
    )
