"""Checks the audit log's chain of hashes in a restored database."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import psycopg

BROKEN = """
SELECT seq FROM (
    SELECT seq, previous, lag(hash) OVER (ORDER BY seq) AS before,
        lag(seq) OVER (ORDER BY seq) AS number
    FROM audit.log
) AS rows
WHERE number IS NOT NULL AND (seq <> number + 1 OR previous <> before)
ORDER BY seq LIMIT 1
"""


def audit_problem(connection: psycopg.Connection[tuple[Any, ...]]) -> str | None:
    """What is wrong with the chain; None if it is whole, or if there is no audit log."""
    if connection.execute("SELECT to_regclass('audit.log')").fetchone() == (None,):
        return None
    row = connection.execute(BROKEN).fetchone()
    return f"the audit log's chain is broken at row {row[0]}" if row else None
