"""Section `data`: databases and volumes."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from .forms import Bytes, ObjectName
from .section import Section


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

    kind: Literal["embedded"] = Field(
        default="embedded",
        description="embedded: one PostgreSQL and one Valkey pod in the cluster.",
    )
    database_size: Bytes = Field(default="1Gi", description="PostgreSQL's volume.")
    cache_size: Bytes = Field(default="1Gi", description="Valkey's volume.")
    cache_profile: Literal["sessions", "cache"] = Field(
        default="sessions",
        description="sessions: on disk, never evicted; cache: in memory, evicted.",
    )
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
    protect: bool = Field(default=False, description="Refuse to delete what holds data.")
