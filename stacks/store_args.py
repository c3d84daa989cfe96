"""The settings of servers for data stores and volumes: addresses, passwords, connection pools."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import pulumi

from components.base.inputs import applied
from components.kubernetes.pod_settings import SecretKey
from components.kubernetes.shared_volume import NfsExport, SharedVolumeArgs
from components.kubernetes.valkey_replicas import PRIMARY
from components.mcp.data_tier import CacheProfile
from components.mcp.server_config import INTERNAL_CA_PATH, Cache, Database
from components.mcp.store_files import CACHE, DATABASE

from .addresses import Addresses, CacheLogin
from .config.data import SharedVolume
from .config.servers import Server
from .config.stack import StackConfig
from .data_kinds import kind_of
from .placement import placement
from .topologies.topology import POSTGRES, VALKEY
from .valkey_args import replica_hosts

AUTHORITY: Final = f"{INTERNAL_CA_PATH}/ca.crt"
PASSWORDS: Final = {POSTGRES: DATABASE.password_key, VALKEY: CACHE.password_key}
"""The key of each store's password in the Secret of passwords."""
_PASSWORD_VARIABLES: Final = {POSTGRES: "PGPASSWORD", VALKEY: "REDIS_PASSWORD"}
_PATHS: Final = {POSTGRES: DATABASE, VALKEY: CACHE}


def database(config: StackConfig, host: pulumi.Input[str]) -> Database:
    """PostgreSQL at ``host``, as the chosen kind is reached."""
    data, login = config.data, kind_of(config, POSTGRES).login(config)
    return Database(
        host=host,
        max_connections=data.database_connections,
        **login,
        **data.database_pool.model_dump(),
        **_reached(config, POSTGRES),
        token=kind_of(config, POSTGRES).token(config),
        verify=kind_of(config, POSTGRES).verify(config),
    )


def cache(
    config: StackConfig, server: str, host: pulumi.Input[str], at: Addresses | None = None
) -> Cache:
    """Valkey at ``host``, as the chosen kind is reached.

    Args:
        config: the stack's.
        server: which connects.
        host: name of Valkey's Service, as pods of the server's namespace call it.
        at: the addresses of the server; None where only the names of variables matter.
    """
    data, kind = config.data, kind_of(config, VALKEY)
    profile, connections = CacheProfile(data.cache_profile), data.cache_connections
    if token := kind.cache_token(config, at.cache_login if at else CacheLogin()):
        return Cache(
            host=host,
            port=kind.port(config),
            token=token,
            profile=profile,
            max_connections=connections,
        )
    reached = _reached(config, VALKEY)
    if login := kind.user(config, server):
        reached |= dict(zip(("user", "password"), login, strict=True))
    return Cache(
        host=host,
        sentinels=kind.sentinels(config, at.cache_host if at else ""),
        profile=profile,
        max_connections=connections,
        **reached,
    )


def _reached(config: StackConfig, store: str) -> dict[str, Any]:
    kind = kind_of(config, store)
    return {
        "port": kind.port(config),
        "password": kind.password(config),
        "authority": kind.authority(config),
    }


def store_variables(
    config: StackConfig, name: str, server: Server, at: Addresses | None = None
) -> Mapping[str, pulumi.Input[str]]:
    """The variables that name the stores to a server of the section ``servers``.

    The URLs have no password: drivers read PGUSER and PGPASSWORD where a URL names no user.

    Args:
        config: the stack's.
        name: of the server.
        server: its entry.
        at: addresses of the stores; None where only the names of the variables matter.
    """
    variables: dict[str, pulumi.Input[str]] = {}
    where = placement(config)
    made = {POSTGRES: at.database_host, VALKEY: at.cache_host} if at else {}

    def host(store: str) -> pulumi.Input[str]:
        kind = kind_of(config, store)
        if kind.in_pods:
            return where.host(store, seen_from=name)
        return kind.host(config) or made.get(store, "")

    if POSTGRES in server.uses:
        there = database(config, host(POSTGRES))
        verified = f"sslmode=verify-{there.verify}&sslrootcert={DATABASE.authority(there)}"
        rest = f":{there.port}/{there.name}?{verified}"
        variables |= {
            "DATABASE_URL": _around("postgresql://", there.host, rest),
            "PGUSER": there.user,
        }
    if VALKEY in server.uses:
        there = cache(config, name, host(VALKEY))
        variables |= {
            **_address_of_valkey(config, there),
            **({"REDIS_USERNAME": name, "REDIS_KEY_PREFIX": f"{name}:"} if there.user else {}),
            "REDIS_CA_FILE": CACHE.authority(there),
        }
    return variables


def _around(before: str, host: pulumi.Input[str], after: str) -> pulumi.Input[str]:
    def url(host: str) -> str:
        return f"{before}{host}{after}"

    return applied(url, host)


def _address_of_valkey(config: StackConfig, there: Cache) -> dict[str, pulumi.Input[str]]:
    if not there.sentinels:
        return {"REDIS_URL": _around("rediss://", there.host, f":{there.port}")}
    service = f"{VALKEY}-service.{placement(config).of(VALKEY)}.svc"
    asked = replica_hosts(service, len(there.sentinels))
    return {
        "REDIS_SENTINELS": ",".join(f"{host}:{there.sentinel_port}" for host in asked),
        "REDIS_SENTINEL_MASTER": PRIMARY,
    }


def store_passwords(config: StackConfig, name: str, server: Server) -> Mapping[str, SecretKey]:
    """The variables with the passwords of the stores that a server uses."""
    found: dict[str, SecretKey] = {}
    for store in server.uses:
        kind = kind_of(config, store)
        _, own = kind.user(config, name) or (None, None)
        shared = SecretKey(secret=config.secrets.passwords, key=PASSWORDS[store])
        found[_PASSWORD_VARIABLES[store]] = own or kind.password(config) or shared
    return found


def needs_the_platform_authority(config: StackConfig, server: Server) -> bool:
    """Whether the server connects to a store or collector with a certificate of the platform's CA.

    Those are what it uses, and what gets its spans.
    """
    return server.traces or any(
        kind_of(config, store).authority(config) is None for store in server.uses
    )


def store_authorities(config: StackConfig, server: Server) -> Mapping[str, SecretKey]:
    """The CAs of other stores that the server uses, by the directory to mount them in."""
    keys = {store: kind_of(config, store).authority(config) for store in server.uses}
    return {_PATHS[store].authority_path: key for store, key in keys.items() if key}


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
