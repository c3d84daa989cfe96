"""Subsections of `data` for caches that a cloud manages; they log in with tokens."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from components.aws import forms as aws

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


CACHE_FORMS = {aws.CACHE_MACHINE.pattern: aws.CACHE_MACHINE}
"""By pattern, as a refusal names it."""
