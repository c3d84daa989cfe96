"""Section `audit`: rows for calls and refusals in PostgreSQL."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from components.mcp.audit_log import AuditMode

from .backup import NamedBucket
from .section import Section

RETENTION_DAYS = {"dev": 30, "staging": 90, "prod": 365}
"""By environment: S3 keeps logs for compliance for 90 days."""


class Audit(Section):
    """The audit log: who called what, when, from where, and how it ended."""

    enabled: bool = Field(
        default=False,
        description="Record calls and refusals; needs a topology with PostgreSQL, and in "
        "secrets.passwords the keys audit-password and audit-keeper-password.",
    )
    mode: AuditMode = Field(
        default="best-effort",
        description="required: a call is refused unless its row is committed. best-effort: it "
        "runs, and lost rows are counted.",
    )
    arguments: bool = Field(
        default=False, description="Record the arguments of tools too, which may be personal data."
    )
    wait_seconds: int = Field(
        default=3, ge=1, le=60, description="After which a row counts as not written, in seconds."
    )
    retention_days: Annotated[int, Field(ge=1, le=36_500)] | None = Field(
        default=None,
        description="Age in days of a row after which its month may be dropped; absent: 30 in dev, "
        "90 in staging, 365 in prod.",
    )
    schedule: str = Field(
        default="17 2 * * *",
        max_length=100,
        description="When the log is verified, exported and old months are dropped: five fields, "
        "in UTC.",
    )
    bucket: NamedBucket | None = Field(
        default=None,
        description="A bucket for closed months: none is dropped before its object was compared. "
        "Absent: old months are dropped without a copy.",
    )
