"""Checks the audit log in a restored database: every row's hash, and that none is missing."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .audit_chain import ChainError
from .audit_keeper import checked_rows

if TYPE_CHECKING:
    import psycopg


def audit_problem(connection: psycopg.Connection[tuple[Any, ...]]) -> str | None:
    """What is wrong with the log; None if it is whole, or if there is none."""
    if connection.execute("SELECT to_regclass('audit.log')").fetchone() == (None,):
        return None
    try:
        checked_rows(connection, {})
    except ChainError as error:
        return f"the audit log is damaged: {error}"
    return None
