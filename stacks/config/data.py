"""Section `data`: databases and volumes."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from .forms import Bytes, ObjectName
from .section import Section


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
        description="Connections of each server pod to PostgreSQL, which accepts 200 in all.",
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
