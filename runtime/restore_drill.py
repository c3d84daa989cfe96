"""The restore drill: restores the newest backup beside the live database and records the result."""

from __future__ import annotations

from datetime import timedelta

from .backup_config import BackupConfig
from .restore import Restored, connected, drop, restore
from .toml_config import StartError
from .volume_results import outcome_of


def drill(config: BackupConfig) -> Restored:
    """Restore the newest backup, compare it and drop it again; the result becomes metrics.

    Raises:
        BackupError: there is no backup, or it is stale, damaged or different.
        StartError: the bucket or the database refuses.
    """
    try:
        restored = restore(config, stale_after=timedelta(minutes=config.backup.max_age_minutes))
        drop(config, restored.database)
    except StartError as error:
        _record(config, failed=error)
        raise
    _record(config, restored=restored)
    return restored


def _record(
    config: BackupConfig, *, restored: Restored | None = None, failed: StartError | None = None
) -> None:
    """Write the result into the live database, or into the log if that fails."""
    import psycopg

    taken = restored.manifest.taken_at if restored else None
    values = (
        taken,
        outcome_of(failed) if failed else "passed",
        restored.age_seconds if restored else None,
        restored.seconds if restored else None,
    )
    try:
        with connected(config, config.database.name) as connection:
            connection.execute("SELECT public.record_drill(%s, %s, %s, %s)", values)
    except (StartError, psycopg.Error) as error:
        reason = str(error).splitlines()[0]
        print(f"qudag-mcp-server: the drill is not recorded for metrics: {reason}")
