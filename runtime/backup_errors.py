"""Errors of backups and restores, each with an exit status of its own."""

from __future__ import annotations

from enum import IntEnum

from .toml_config import StartError


class Status(IntEnum):
    """Exit statuses of `qudag-mcp-server backup` and `restore`, besides 0, 1 and 2.

    MISSING: there is no backup, or a part of one is not in the bucket.
    DAMAGED: an object in the bucket is not the one that was written.
    STALE: the newest backup is older than it may be.
    OTHER_STACK: the backup is of another platform.
    DIFFERENT: what was restored is not what was backed up.
    CHANGED: files of a volume were written while they were read; the backup is stored.
    """

    MISSING = 3
    DAMAGED = 4
    STALE = 5
    OTHER_STACK = 6
    DIFFERENT = 7
    CHANGED = 8


class BackupError(StartError):
    """A backup cannot be restored; the message says why."""

    def __init__(self, status: Status, message: str) -> None:
        self.status = status
        super().__init__(message)
