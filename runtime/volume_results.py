"""Writes the results of backups and drills of volumes into the database, for the metrics."""

from __future__ import annotations

from datetime import datetime

from .backup_errors import BackupError
from .toml_config import StartError
from .volume_config import VolumeBackupConfig


def record(
    config: VolumeBackupConfig,
    volume: str,
    *,
    taken_at: datetime | None,
    seconds: float | None,
    drill: str | None = None,
) -> None:
    """Add a result; nothing without a database. A result that is not recorded is printed.

    Args:
        config: with the database.
        volume: name of the volume.
        taken_at: time of the backup that was stored, or that the drill has read.
        seconds: how long it took.
        drill: outcome of a drill: passed, or why not; None: a backup was stored.
    """
    if config.database is None:
        return
    import psycopg

    from .database_pool import connection_options

    kind, outcome = ("backup", "stored") if drill is None else ("drill", drill)
    try:
        with psycopg.connect(**connection_options(config.database)) as connection:
            connection.execute(
                "SELECT public.record_volume(%s, %s, %s, %s, %s)",
                (volume, kind, outcome, taken_at, seconds),
            )
    except (OSError, psycopg.Error) as error:
        reason = str(error).splitlines()[0]
        print(f"qudag-mcp-server: the {kind} of {volume} is not recorded for metrics: {reason}")


def outcome_of(error: StartError) -> str:
    """Why a drill failed, in a word."""
    return error.status.name.lower() if isinstance(error, BackupError) else "failed"
