"""The configuration of `qudag-mcp-server backup-volumes` and `restore-volume`."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from .backup_config import BackupSection
from .config import DatabaseSection
from .toml_config import Section


class VolumeBackupConfig(Section):
    """The whole file: the bucket, and where each volume is mounted.

    Attributes:
        backup: the bucket.
        volumes: path by the volume's name.
        database: where results are recorded for metrics; without it, nowhere.
    """

    backup: BackupSection
    volumes: Mapping[str, Path]
    database: DatabaseSection | None = None
