"""Subsections of `data` for caches that a cloud manages; they log in with tokens."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from components.aws import forms as aws
from components.azure import forms as azure
from components.gcp import forms as gcp

from .forms import Cidr, constraint
from .managed_data import Reached
from .section import Section

Replicas = Annotated[
    int,
    Field(
        ge=0,
        le=5,
        description="Nodes besides the primary, in other zones; one takes over when it fails.",
    ),
]


class ElastiCache(Section):
    """Valkey of Amazon ElastiCache, in the private subnets of clouds.aws.network."""

    networks: Reached = []
    clients: list[Cidr] = Field(
        default=[], description="Networks that may connect to it; empty: the VPC."
    )
    machine: Annotated[str, constraint(aws.CACHE_MACHINE)] | None = Field(
        default=None,
        description="Absent: cache.t4g.medium (3.1 GiB) in prod, else cache.t4g.small (1.4 GiB).",
    )
    replicas: Replicas = 1
    backup_days: int | None = Field(
        default=None,
        ge=1,
        le=35,
        description="Days that daily snapshots are kept; absent: 1 in dev, 7 in staging, 14 in "
        "prod.",
    )


class Memorystore(Section):
    """Valkey of Google Cloud's Memorystore, at a private address of clouds.gcp.network."""

    networks: Reached = []
    machine: Annotated[str, constraint(gcp.CACHE_MACHINE)] | None = Field(
        default=None,
        description="Absent: STANDARD_SMALL (6.5 GB) in prod, else SHARED_CORE_NANO (1.4 GB).",
    )
    replicas: Replicas = 1
    backup_days: int | None = Field(
        default=None,
        ge=1,
        le=365,
        description="Days that daily backups are kept; absent: 1 in dev, 7 in staging, 14 in prod.",
    )


class AzureRedis(Section):
    """Azure Managed Redis behind a private endpoint, with a replica in another zone."""

    networks: Reached = []
    subnet: Annotated[str, constraint(azure.RESOURCE)] = Field(
        description="Id of the subnet for its private endpoint."
    )
    dns_zone: Annotated[str, constraint(azure.RESOURCE)] = Field(
        description="Id of the private DNS zone privatelink.redis.azure.net."
    )
    principal: Annotated[str, constraint(azure.ID)] = Field(
        description="Object id of the identity of kubernetes.identities, which logs in."
    )
    machine: Annotated[str, constraint(azure.CACHE_MACHINE)] | None = Field(
        default=None, description="Absent: Balanced_B3 (3 GB) in prod, else Balanced_B1 (1 GB)."
    )


CACHE_FORMS = {
    form.pattern: form for form in (aws.CACHE_MACHINE, gcp.CACHE_MACHINE, azure.CACHE_MACHINE)
}
"""By pattern, as a refusal names it."""
