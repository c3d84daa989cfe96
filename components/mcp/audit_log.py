"""The audit log of a platform: where its rows are, who writes them, and who owns them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import pulumi

from ..base.arg_types import DatabaseName, Host, PoolSeconds, PortNumber
from .secret_key import SecretKey

AuditMode = Literal["required", "best-effort"]
WRITER = "qudag_audit"
KEEPER = "qudag_audit_keeper"


@dataclass(frozen=True, kw_only=True)
class AuditDatabase:
    """The PostgreSQL with the audit log, as one of its two roles reaches it.

    Attributes:
        host: host name of its Service.
        port: port of its Service.
        name: name of the database.
        user: the role.
        password: where the password is; None: in the Secret of passwords, under the role's own key.
        authority: what signed its certificate; None: the CA of the platform.
        verify: what of its certificate is verified: CA and name, or the CA alone.
    """

    host: pulumi.Input[Host]
    port: PortNumber = 5432
    name: DatabaseName = "qudag_mcp"
    user: DatabaseName
    password: SecretKey | None = None
    authority: SecretKey | None = None
    verify: Literal["full", "ca"] = "full"


@dataclass(frozen=True, kw_only=True)
class AuditLog(AuditDatabase):
    """The audit log as servers write it: rows for calls and refusals.

    Attributes:
        user: the role that may insert rows, and nothing else.
        mode: ``required`` refuses a call whose row is not committed; ``best-effort`` runs it.
        arguments: record the arguments of tools too.
        wait_seconds: after which a row counts as not written.
    """

    user: DatabaseName = WRITER
    mode: AuditMode = "best-effort"
    arguments: bool = False
    wait_seconds: PoolSeconds = 3


@dataclass(frozen=True, kw_only=True)
class AuditOwner(AuditDatabase):
    """The audit log as its owner reaches it, in jobs.

    Attributes:
        user: the role that owns the log.
        makes_roles: the migration, which logs in as the owner of the database, makes both roles if
            they are missing, sets their passwords, and lets this one make the schema; False: who
            made the database has done so.
        writer_password: with ``makes_roles``, where the password of the role that inserts rows is;
            None: in the Secret of passwords, under the role's own key.
    """

    user: DatabaseName = KEEPER
    makes_roles: bool = False
    writer_password: SecretKey | None = None
