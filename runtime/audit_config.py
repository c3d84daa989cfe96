"""The sections of server.toml for the audit log: `[audit]` of servers, `[audit_keeper]` of jobs."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from .store_config import PasswordSection, PostgresSection

AuditMode = Literal["required", "best-effort"]


class AuditSection(PostgresSection):
    """The `[audit]` section: PostgreSQL that keeps a row for each call and each refusal.

    Attributes:
        user: the role that may insert rows, and nothing else.
        mode: `required` refuses a call whose row is not committed; `best-effort` runs it.
        arguments: record the arguments of tools too.
        wait_seconds: after which a row counts as not written.
        most_waiting: rows that a process keeps in memory while the database does not answer.
        head_seconds: how often the log names the last row, so that missing later rows show.
    """

    user: str = "qudag_audit"
    mode: AuditMode = "best-effort"
    arguments: bool = False
    wait_seconds: Annotated[float, Field(gt=0, le=60)] = 3
    most_waiting: Annotated[int, Field(ge=1, le=1_000_000)] = 10_000
    head_seconds: Annotated[float, Field(gt=0, le=86_400)] = 60


class KeeperSection(PostgresSection):
    """The `[audit_keeper]` section: the role that owns the audit log.

    Attributes:
        user: owns the schema `audit`; makes partitions, and drops old ones.
        writer: the role of `[audit]`.
        retention_days: age of a row after which its partition, a month, may be dropped.
        months_ahead: partitions that exist before their month begins.
    """

    user: str = "qudag_audit_keeper"
    writer: str = "qudag_audit"
    retention_days: Annotated[int, Field(ge=1, le=36_500)] = 365
    months_ahead: Annotated[int, Field(ge=1, le=12)] = 3


class AuditRolesSection(PasswordSection):
    """The `[audit_roles]` section of a migration whose login owns the database.

    With it the migration makes the roles of the audit log if they are missing, sets their passwords
    and lets the keeper make its schema; without it somebody else has done so.

    Attributes:
        password_file, password_env: the password of `audit_keeper.writer`.
    """
