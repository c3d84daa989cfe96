"""Subsections of `data` for PostgreSQL that a cloud manages."""

from __future__ import annotations

from typing import Annotated, Final

from pydantic import Field

from components.aws import forms as aws

from .forms import Cidr, constraint
from .pods import SecretKey
from .section import Section

Reached = Annotated[
    list[Cidr],
    Field(
        description="Addresses of the private subnets in CIDR form, which the pods that use it may "
        "connect to; required with a cluster."
    ),
]
HighAvailability = Annotated[
    bool | None,
    Field(
        description="A standby in another zone takes over when the database's own fails; absent: "
        "in prod."
    ),
]
Password = Annotated[
    SecretKey, Field(description="Where in the cluster you put the password of the user qudag.")
]
Authority = Annotated[
    SecretKey, Field(description="Where in the cluster you put the authorities of the cloud.")
]
PASSWORD: Final = SecretKey(secret="mcp-database", key="password")  # noqa: S106
AUTHORITY: Final = SecretKey(secret="mcp-database", key="ca.crt")  # noqa: S106


class Rds(Section):
    """PostgreSQL of Amazon RDS, in the private subnets of clouds.aws.network."""

    networks: Reached = []
    clients: list[Cidr] = Field(
        default=[], description="Networks that may connect to it; empty: the VPC."
    )
    password: Password = PASSWORD
    ca: Authority = AUTHORITY
    machine: Annotated[str, constraint(aws.DATABASE_MACHINE)] | None = Field(
        default=None, description="Absent: db.t4g.micro in dev, else db.t4g.medium."
    )
    storage_gb: int = Field(default=20, ge=20, le=65_536, description="Storage at first, in GiB.")
    max_storage_gb: int = Field(
        default=100, ge=21, le=65_536, description="Storage up to which it grows, in GiB."
    )
    high_availability: HighAvailability = None
    backup_days: int | None = Field(
        default=None,
        ge=1,
        le=35,
        description="Days within which it can be restored to any second; absent: 1 in dev, 7 in "
        "staging, 14 in prod.",
    )


MANAGED_FORMS: Final = {aws.DATABASE_MACHINE.pattern: aws.DATABASE_MACHINE}
"""By pattern, as a refusal names it."""
