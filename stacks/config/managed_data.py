"""Subsections of `data` for PostgreSQL that a cloud manages."""

from __future__ import annotations

from typing import Annotated, Final, Literal

from pydantic import Field

from components.aws import forms as aws
from components.azure import forms as azure
from components.base.identity_forms import GOOGLE_ACCOUNT
from components.gcp import forms as gcp

from .external_data import DatabaseUser
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
    SecretKey, Field(description="Where in the cluster you put the CAs of the cloud.")
]
AzureResource = Annotated[str, constraint(azure.RESOURCE)]
AzureObject = Annotated[str, constraint(azure.ID)]
ReadReplica = Annotated[
    bool,
    Field(
        description="A second instance for queries that only read, at the output read_host; the "
        "servers of the platform do not use it."
    ),
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
    token_user: DatabaseUser | None = Field(
        default=None,
        description="User with the role rds_iam, which you have created, as which the servers log "
        "in with tokens of their pods' identities; absent: qudag with its password.",
    )
    ca: Authority = AUTHORITY
    machine: Annotated[str, constraint(aws.DATABASE_MACHINE)] | None = Field(
        default=None, description="Absent: db.t4g.micro in dev, else db.t4g.medium."
    )
    storage_gb: int = Field(default=20, ge=20, le=65_536, description="Storage at first, in GiB.")
    max_storage_gb: int = Field(
        default=100, ge=21, le=65_536, description="Storage up to which it grows, in GiB."
    )
    high_availability: HighAvailability = None
    read_replica: ReadReplica = False
    backup_days: int | None = Field(
        default=None,
        ge=1,
        le=35,
        description="Days within which it can be restored to any second; absent: 1 in dev, 7 in "
        "staging, 14 in prod.",
    )


class CloudSql(Section):
    """PostgreSQL of Cloud SQL, on private addresses of clouds.gcp.network."""

    networks: Reached = []
    account: Annotated[str, constraint(GOOGLE_ACCOUNT)] = Field(
        description="E-mail address of the service account that logs in, without a password; the "
        "identity of the pods that use the database."
    )
    ca: Authority = AUTHORITY
    machine: Annotated[str, constraint(gcp.DATABASE_MACHINE)] | None = Field(
        default=None, description="Absent: db-custom-1-3840 in dev, else db-custom-2-7680."
    )
    storage_gb: int = Field(
        default=10, ge=10, le=65_536, description="Storage at first, in GiB; it grows."
    )
    high_availability: HighAvailability = None
    read_replica: ReadReplica = False
    backup_days: int | None = Field(
        default=None,
        ge=1,
        le=365,
        description="Days that daily backups are kept; absent: 7, in prod 14.",
    )


class EntraPrincipal(Section):
    """A managed identity that logs in to PostgreSQL as its administrator."""

    name: DatabaseUser = Field(description="Its name, which the database user has as well.")
    object_id: AzureObject = Field(description="Its principal id.")


class AzurePostgresql(Section):
    """PostgreSQL of Azure, in a delegated subnet of yours."""

    networks: Reached = []
    administrator: EntraPrincipal = Field(
        description="The identity of the pods that use the database; it logs in without a password."
    )
    subnet: AzureResource = Field(
        description="Id of the subnet, delegated to Microsoft.DBforPostgreSQL/flexibleServers."
    )
    dns_zone: AzureResource = Field(
        description="Id of a private DNS zone that ends in postgres.database.azure.com, and that "
        "the pods resolve."
    )
    ca: Authority = AUTHORITY
    machine: Annotated[str, constraint(azure.DATABASE_MACHINE)] | None = Field(
        default=None, description="Absent: Standard_B1ms in dev, else Standard_D2ds_v5."
    )
    storage_gb: Literal[32, 64, 128, 256, 512, 1024, 2048, 4096, 8192, 16384] = Field(
        default=32, description="Storage at first, in GiB; it grows."
    )
    high_availability: HighAvailability = None
    backup_days: int | None = Field(
        default=None,
        ge=7,
        le=35,
        description="Days within which it can be restored to any second; absent: 7, in prod 14.",
    )


MANAGED_FORMS: Final = {
    form.pattern: form
    for form in (
        *(aws.DATABASE_MACHINE, gcp.DATABASE_MACHINE, azure.DATABASE_MACHINE),
        *(azure.RESOURCE, azure.ID, GOOGLE_ACCOUNT),
    )
}
"""By pattern, as a refusal names it."""
