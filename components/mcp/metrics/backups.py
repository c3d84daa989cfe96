"""Metrics of backups and restore drills, of databases and of volumes."""

from __future__ import annotations

from functools import partial
from typing import Final

from .exported_metric import ExportedMetric

_backups = partial(ExportedMetric, exporters=("backups",))
_volumes = partial(ExportedMetric, exporters=("volumes",))

BACKUPS: Final = (
    _backups(
        name="mcp_backup_age_seconds",
        kind="gauge",
        unit="seconds",
        meaning="Since the snapshot of the newest backup.",
    ),
    _backups(
        name="mcp_restore_drill_passed", kind="gauge", meaning="1 if the last restore drill passed."
    ),
    _backups(
        name="mcp_restore_drill_age_seconds",
        kind="gauge",
        unit="seconds",
        meaning="Since the last restore drill that passed.",
    ),
    _backups(
        name="mcp_restore_drill_recovery_point_seconds",
        kind="gauge",
        unit="seconds",
        meaning="Age of the backup in the last restore drill that passed.",
    ),
    _backups(
        name="mcp_restore_drill_recovery_time_seconds",
        kind="gauge",
        unit="seconds",
        meaning="Duration of the last restore drill that passed.",
    ),
)

VOLUMES: Final = (
    _volumes(
        name="mcp_volume_backup_age_seconds",
        kind="gauge",
        unit="seconds",
        labels=("volume",),
        meaning="Since the newest backup of the volume.",
    ),
    _volumes(
        name="mcp_volume_drill_passed",
        kind="gauge",
        labels=("volume",),
        meaning="1 if the last drill of the volume passed.",
    ),
    _volumes(
        name="mcp_volume_drill_age_seconds",
        kind="gauge",
        unit="seconds",
        labels=("volume",),
        meaning="Since the last drill of the volume that passed.",
    ),
    _volumes(
        name="mcp_volume_drill_seconds",
        kind="gauge",
        unit="seconds",
        labels=("volume",),
        meaning="Duration of the last drill of the volume that passed.",
    ),
)
