"""A PostgreSQL of a server: where it is, and how the server logs in and verifies it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import pulumi

from ..base.arg_types import (
    DatabaseName,
    DatabaseUser,
    Host,
    KeptConnections,
    PoolSeconds,
    PoolSize,
    PortNumber,
)
from ..base.problems import Problem
from .secret_key import SecretKey

DatabaseToken = Literal["rds", "cloud-sql", "azure"]
"""Services whose tokens PostgreSQL takes in place of a password: IAM of AWS, of Google, Entra."""
Verified = Literal["full", "ca"]
"""``full``: the CA and the name of a certificate. ``ca``: the CA alone, for one that
signs the certificates of a single server, as each instance of Cloud SQL has."""


@dataclass(frozen=True, kw_only=True)
class Database:
    """A PostgreSQL that the server may use, with a password of a Secret or a cloud's token.

    Attributes:
        host: host name of its Service.
        port: port of its Service.
        name: name of the database.
        user: the role that owns it.
        max_connections: of each process, each for one call at a time.
        min_connections: kept open by each process; at most ``max_connections``.
        acquire_seconds: how long a call waits for a connection before it fails.
        idle_seconds: after which an unused connection above ``min_connections`` is closed.
        lifetime_seconds: after which a connection is replaced, once its call has ended.
        password: where the password is; None: ``database-password`` of the server's Secret of
            passwords, or with ``token`` there is none.
        authority: what signed its certificate; None: the CA of the platform.
        token: log in with a token of the pods' identity (``pods.identity``) in place of a password.
        verify: what of its certificate is verified.
    """

    host: pulumi.Input[Host]
    port: PortNumber = 5432
    name: DatabaseName = "qudag_mcp"
    user: DatabaseUser = "qudag"
    max_connections: PoolSize = 8
    min_connections: KeptConnections = 2
    acquire_seconds: PoolSeconds = 3
    idle_seconds: PoolSeconds = 600
    lifetime_seconds: PoolSeconds = 1800
    password: SecretKey | None = None
    authority: SecretKey | None = None
    token: DatabaseToken | None = None
    verify: Verified = "full"

    def refusals(self) -> list[Problem]:
        """A token and a password, and a CA of many servers whose names nobody verifies."""
        problems: list[Problem] = []
        if self.token is not None and self.password is not None:
            problems.append(
                Problem(
                    "password",
                    f"is set, and token is {self.token}",
                    "it is not known which of the two logs in",
                    "leave one of the two out",
                )
            )
        if self.verify == "ca" and self.authority is None:
            problems.append(
                Problem(
                    "verify",
                    "is ca, and authority is not set",
                    "every server of the platform could pose as the database: their certificates "
                    "have the same CA",
                    "set authority to the CA of this database alone, or leave verify out",
                )
            )
        return problems
