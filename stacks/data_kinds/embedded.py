"""One pod for PostgreSQL and one for Valkey, in the cluster."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import pulumi

from components.base.versions import VERSIONS
from components.kubernetes.embedded_data import EmbeddedDataTier, EmbeddedDataTierArgs
from components.kubernetes.pod_settings import SecretKey
from components.kubernetes.postgres_exporter import PostgresExporter
from components.mcp.data_tier import CacheProfile

from ..config.stack import StackConfig
from ..pod_settings import pod_settings
from ..topologies.topology import POSTGRES, VALKEY
from ..valkey_args import sentinels, valkey_password, valkey_settings
from .kind import DataKind, Tier


def embedded_args(
    config: StackConfig, stores: Sequence[str], namespace: pulumi.Input[str]
) -> EmbeddedDataTierArgs:
    """The data stores that run in one namespace."""
    data, images = config.data, config.images
    return EmbeddedDataTierArgs(
        namespace=namespace,
        postgres_image=images.postgres if POSTGRES in stores else None,
        valkey_image=images.valkey if VALKEY in stores else None,
        passwords_secret=config.secrets.passwords,
        postgres_tls_secret=config.secrets.internal_tls_of(POSTGRES),
        valkey_tls_secret=config.secrets.internal_tls_of(VALKEY),
        authority_secret=config.secrets.internal_ca,
        database_size=data.database_size,
        cache_size=data.cache_size,
        storage_class=data.storage_class,
        cache_profile=CacheProfile(data.cache_profile),
        valkey=valkey_settings(config),
        postgres_exporter=_exporter(config) if data.database_exporter else None,
        protect=data.protect,
        backup_roles=config.backup is not None,
        audit=config.audit.enabled,
        ip_families=config.kubernetes.ip_families,
        postgres_pods=pod_settings(config, POSTGRES),
        valkey_pods=pod_settings(config, VALKEY),
    )


def _exporter(config: StackConfig) -> PostgresExporter:
    image = config.images.postgres_exporter or VERSIONS["images"]["postgresExporter"]
    return PostgresExporter(image=image, secret=config.secrets.postgres_exporter)


EMBEDDED_TIER: Final = Tier(
    name="data", component=EmbeddedDataTier, args=embedded_args, in_namespaces=True
)


class EmbeddedDatabase(DataKind):
    """PostgreSQL in one pod with a volume."""

    name = "embedded"
    store = POSTGRES
    tier = EMBEDDED_TIER
    fields = ("database_size", "database_exporter")
    in_pods = True
    makes_audit_roles = True


class EmbeddedCache(DataKind):
    """Valkey in one pod with a volume, or in several with replicas."""

    name = "valkey"
    store = VALKEY
    tier = EMBEDDED_TIER
    section = "valkey"
    fields = ("cache_size",)
    in_pods = True
    has_users = True

    def user(self, config: StackConfig, server: str) -> tuple[str, SecretKey]:
        return server, valkey_password(config, server)

    def sentinels(self, config: StackConfig, service: pulumi.Input[str]) -> list[pulumi.Input[str]]:
        return sentinels(config, service)
