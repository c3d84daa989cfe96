"""Section `data`: databases and volumes."""

from __future__ import annotations

from typing import Annotated, Final, Literal

from pydantic import Field

from components.base import arg_forms
from components.base.constraints import Form

from .cloudnative_pg import CloudNativePg
from .external_data import ExternalCache, ExternalDatabase, Host
from .forms import Bytes, ObjectName, constraint
from .managed_caches import CACHE_FORMS, AzureRedis, ElastiCache, Memorystore
from .managed_data import MANAGED_FORMS, AzurePostgresql, CloudSql, Rds
from .section import Section
from .valkey import Valkey

VOLUME_NAME: Final = Form(
    name="volume name",
    pattern="^[a-z]([-a-z0-9]{0,38}[a-z0-9])?$",
    words="lower-case letters, digits and dashes, at most 40, beginning with a letter and ending "
    "without a dash",
    examples=("mcp-models",),
    consequence="its claim is named after it, and the API server refuses such names",
    longest=40,
)
DATA_FORMS: Final = {
    **{
        form.pattern: form
        for form in (
            *(VOLUME_NAME, arg_forms.HOST, arg_forms.DATABASE_NAME, arg_forms.DATABASE_USER),
            arg_forms.VALKEY_BYTES,
        )
    },
    **MANAGED_FORMS,
    **CACHE_FORMS,
}
"""By pattern, as a refusal names it."""

VolumeName = Annotated[str, constraint(VOLUME_NAME)]


class Nfs(Section):
    """A directory of an NFS server, which the nodes mount."""

    server: Host = Field(description="Host of the server.")
    path: Annotated[str, constraint(arg_forms.PATH)] = Field(
        description="Directory that it exports."
    )


class SharedVolume(Section):
    """A volume that the pods of several servers share (ReadWriteMany)."""

    size: Bytes = Field(description="Size of the volume.")
    storage_class: ObjectName | None = Field(
        default=None,
        description="A class whose volumes many nodes can mount; absent: data.storageClass. With "
        "nfs it is only a name that volume and claim share.",
    )
    nfs: Nfs | None = Field(default=None, description="Absent: the storage class makes the volume.")


class DatabasePool(Section):
    """How a server process keeps its connections to PostgreSQL."""

    min_connections: int = Field(
        default=2,
        ge=0,
        le=1000,
        description="Connections kept open without calls; at most databaseConnections.",
    )
    acquire_seconds: int = Field(
        default=3,
        ge=1,
        le=86_400,
        description="Seconds that a call waits for a connection before it fails.",
    )
    idle_seconds: int = Field(
        default=600,
        ge=1,
        le=86_400,
        description="Seconds after which an unused connection above minConnections is closed.",
    )
    lifetime_seconds: int = Field(
        default=1800,
        ge=1,
        le=86_400,
        description="Seconds after which a connection is replaced, once its call has ended.",
    )


class Data(Section):
    """Databases and volumes."""

    kind: Literal[
        "embedded", "cloudnative-pg", "external", "rds", "cloud-sql", "azure-postgresql"
    ] = Field(
        default="embedded",
        description="PostgreSQL. embedded: one pod in the cluster; cloudnative-pg: servers of the "
        "operator CloudNativePG in the cluster; external: yours; rds: Amazon RDS; "
        "cloud-sql: Cloud SQL; azure-postgresql: Azure Database for PostgreSQL.",
    )
    cache_kind: Literal["valkey", "external", "elasticache", "memorystore", "azure-redis"] = Field(
        default="valkey",
        description="Valkey. valkey: one pod in the cluster; external: yours; elasticache: Amazon "
        "ElastiCache; memorystore: Google Cloud's Memorystore; azure-redis: Azure Managed Redis.",
    )
    cloudnative_pg: CloudNativePg | None = Field(
        default=None,
        description="Required by kind cloudnative-pg, and refused with another kind.",
    )
    external: ExternalDatabase | None = Field(
        default=None, description="Required by kind external, and refused with another kind."
    )
    rds: Rds | None = Field(
        default=None, description="Options of kind rds; refused with another kind."
    )
    cloud_sql: CloudSql | None = Field(
        default=None, description="Required by kind cloud-sql, and refused with another kind."
    )
    azure_postgresql: AzurePostgresql | None = Field(
        default=None,
        description="Required by kind azure-postgresql, and refused with another kind.",
    )
    external_cache: ExternalCache | None = Field(
        default=None, description="Required by cacheKind external, and refused with another one."
    )
    elasticache: ElastiCache | None = Field(
        default=None, description="Options of cacheKind elasticache; refused with another one."
    )
    memorystore: Memorystore | None = Field(
        default=None, description="Options of cacheKind memorystore; refused with another one."
    )
    azure_redis: AzureRedis | None = Field(
        default=None, description="Required by cacheKind azure-redis, and refused with another one."
    )
    database_size: Bytes = Field(
        default="1Gi", description="PostgreSQL's volume, with kind embedded."
    )
    database_exporter: bool = Field(
        default=False,
        description="Export PostgreSQL's metrics at port 9187 of its pod, for network.prometheus; "
        "with kind embedded.",
    )
    cache_size: Bytes = Field(default="1Gi", description="Valkey's volume, with cacheKind valkey.")
    cache_profile: Literal["sessions", "cache"] = Field(
        default="sessions",
        description="sessions: on disk, never evicted; cache: in memory, evicted.",
    )
    valkey: Valkey = Field(default_factory=Valkey, description="The Valkey in the cluster.")
    database_connections: int = Field(
        default=8,
        ge=1,
        le=1000,
        description="Connections of each server process to PostgreSQL, which accepts 200 in all.",
    )
    database_pool: DatabasePool = Field(
        default_factory=DatabasePool,
        description="Pool of connections to PostgreSQL in each server process; the default times "
        "are those of the boilerplate document.",
    )
    cache_connections: int = Field(
        default=20,
        ge=1,
        le=1000,
        description="Connections of each server pod to Valkey.",
    )
    node_size: Bytes = Field(default="1Gi", description="Volume of each QuDAG node.")
    storage_class: ObjectName | None = Field(
        default=None, description="Absent: the cluster's default."
    )
    volumes: dict[VolumeName, SharedVolume] = Field(
        default={}, description="Volumes that servers.<name>.volumes mount, by name."
    )
    protect: bool = Field(
        default=False,
        description="Refuse to delete what holds data. Absent: true in prod for databases that a "
        "cloud manages.",
    )
