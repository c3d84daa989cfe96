"""Subsections `data.external` and `data.externalCache`: stores that exist outside the platform."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from components.base import arg_forms
from components.mcp.database import DatabaseToken

from .forms import Cidr, checked, constraint
from .pods import SecretKey
from .section import Section

Host = Annotated[str, constraint(arg_forms.HOST)]
DatabaseName = Annotated[str, constraint(arg_forms.DATABASE_NAME), checked(arg_forms.DATABASE_NAME)]
DatabaseUser = Annotated[str, constraint(arg_forms.DATABASE_USER), checked(arg_forms.DATABASE_USER)]
Networks = Annotated[
    list[Cidr],
    Field(
        min_length=1,
        description="Its addresses in CIDR form; the pods that use it may connect to these alone.",
    ),
]


class ExternalDatabase(Section):
    """A PostgreSQL that somebody else runs, with TLS and a password, or tokens of a cloud."""

    host: Host = Field(description="Name in its certificate, which the pods resolve.")
    port: int = Field(default=5432, ge=1, le=65535, description="Its port.")
    name: DatabaseName = Field(default="qudag_mcp", description="Database in it; it must exist.")
    user: DatabaseUser = Field(default="qudag", description="Role that owns the database.")
    password: SecretKey | None = Field(
        default=None, description="Where the password of the user is; required without token."
    )
    token: DatabaseToken | None = Field(
        default=None,
        description="In place of a password, tokens of the pods' identities: rds (IAM of AWS), "
        "cloud-sql (IAM of Google Cloud) or azure (Entra).",
    )
    ca: SecretKey = Field(description="Where the CA of its certificate is.")
    networks: Networks


class ExternalCache(Section):
    """A Valkey or Redis that somebody else runs, with TLS and a password of the user `default`."""

    host: Host = Field(description="Name in its certificate, which the pods resolve.")
    port: int = Field(default=6379, ge=1, le=65535, description="Its port.")
    password: SecretKey = Field(description="Where the password is.")
    ca: SecretKey = Field(description="Where the CA of its certificate is.")
    networks: Networks
