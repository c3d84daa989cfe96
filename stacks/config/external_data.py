"""Subsections `data.external` and `data.externalCache`: stores that exist outside the platform."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from components.base import arg_forms

from .forms import Cidr, checked, constraint
from .pods import SecretKey
from .section import Section

Host = Annotated[str, constraint(arg_forms.HOST)]
DatabaseName = Annotated[str, constraint(arg_forms.DATABASE_NAME), checked(arg_forms.DATABASE_NAME)]
Networks = Annotated[
    list[Cidr],
    Field(
        min_length=1,
        description="Its addresses in CIDR form; the pods that use it may connect to these alone.",
    ),
]


class ExternalDatabase(Section):
    """A PostgreSQL that somebody else runs, with TLS and a password."""

    host: Host = Field(description="Name in its certificate, which the pods resolve.")
    port: int = Field(default=5432, ge=1, le=65535, description="Its port.")
    name: DatabaseName = Field(default="qudag_mcp", description="Database in it; it must exist.")
    user: DatabaseName = Field(default="qudag", description="Role that owns the database.")
    password: SecretKey = Field(description="Where the password of the user is.")
    ca: SecretKey = Field(description="Where the authority of its certificate is.")
    networks: Networks


class ExternalCache(Section):
    """A Valkey or Redis that somebody else runs, with TLS and a password of the user `default`."""

    host: Host = Field(description="Name in its certificate, which the pods resolve.")
    port: int = Field(default=6379, ge=1, le=65535, description="Its port.")
    password: SecretKey = Field(description="Where the password is.")
    ca: SecretKey = Field(description="Where the authority of its certificate is.")
    networks: Networks
