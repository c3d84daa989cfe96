"""The kinds of data stores that a stack can choose, one module a kind, and those it has chosen."""

from __future__ import annotations

from typing import Final

from ..config.stack import StackConfig
from ..topologies.topology import POSTGRES, VALKEY
from .azure_postgresql import AzurePostgresqlDatabase
from .azure_redis import AzureRedisKind
from .cloud_sql import CloudSqlDatabase
from .cloudnative_pg import CloudNativePgDatabase
from .elasticache import ElastiCacheKind
from .embedded import EmbeddedCache, EmbeddedDatabase
from .external import ExternalCache, ExternalDatabase
from .kind import DataKind
from .memorystore import MemorystoreKind
from .rds import RdsDatabase

_KINDS: Final[tuple[DataKind, ...]] = (
    EmbeddedDatabase(),
    CloudNativePgDatabase(),
    ExternalDatabase(),
    RdsDatabase(),
    CloudSqlDatabase(),
    AzurePostgresqlDatabase(),
    EmbeddedCache(),
    ExternalCache(),
    ElastiCacheKind(),
    MemorystoreKind(),
    AzureRedisKind(),
)

KINDS: Final = {
    store: {kind.name: kind for kind in _KINDS if kind.store == store}
    for store in (POSTGRES, VALKEY)
}
"""By store and name."""
KIND_FIELDS: Final = {POSTGRES: "kind", VALKEY: "cache_kind"}
"""The field of ``data`` that chooses the kind of a store."""


def chosen_kind(config: StackConfig, store: str) -> DataKind:
    """The kind of a store that the stack file names."""
    return KINDS[store][getattr(config.data, KIND_FIELDS[store])]


def has_its_section(config: StackConfig, kind: DataKind) -> bool:
    """Whether the section that a kind needs is there."""
    return not kind.section_required or getattr(config.data, str(kind.section)) is not None


def kind_of(config: StackConfig, store: str) -> DataKind:
    """The kind of a store; the default while its section is missing, which a rule refuses."""
    kind = chosen_kind(config, store)
    return kind if has_its_section(config, kind) else next(iter(KINDS[store].values()))


def in_pods(config: StackConfig, store: str) -> bool:
    """Whether a store runs in pods of the platform."""
    return kind_of(config, store).in_pods
