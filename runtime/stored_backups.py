"""Lists the backups in a folder of a bucket, and finds the one to restore."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any, Protocol, TypeVar

from .backup_errors import BackupError, Status
from .backup_manifest import name_at


class _Dated(Protocol):
    @property
    def taken_at(self) -> datetime: ...


Found = TypeVar("Found", bound=_Dated)


def names_in(bucket: Any, folder: str, manifest: str) -> list[str]:
    """The names of all backups, the newest last.

    Args:
        bucket: as `open_bucket` returns it.
        folder: has a folder for each backup.
        manifest: the file that is written last.
    """
    return sorted(
        str(item["path"]).removesuffix(f"/{manifest}").rpartition("/")[2]
        for batch in bucket.list(prefix=folder)
        for item in batch
        if str(item["path"]).endswith(f"/{manifest}")
    )


def check_format(where: str, written: int, readable: int) -> None:
    """Raise `BackupError` if a manifest has another format than the one that can be read."""
    if written != readable:
        raise BackupError(
            Status.DAMAGED,
            f"{where}: the format is {written}, and this program reads {readable}: restore it "
            "with the version that wrote it",
        )


def chosen(
    where: str, names: Sequence[str], read: Callable[[str], Found], before: datetime | None
) -> Found:
    """The manifest of the newest backup, or of the newest that was taken before a time.

    Args:
        where: the address of the backups, for messages.
        names: of all, the newest last.
        read: returns the manifest of a name.
        before: None: the newest of all.

    Raises:
        BackupError: there is none.
    """
    if not names:
        raise BackupError(
            Status.MISSING,
            f"{where}: there is no backup: check backup.url, and the log of the backup job",
        )
    if before is None:
        return read(names[-1])
    # A name has whole seconds, so the last of them may be a little too new.
    for name in reversed([name for name in names if name <= name_at(before)]):
        manifest = read(name)
        if manifest.taken_at <= before:
            return manifest
    raise BackupError(
        Status.MISSING,
        f"{where}: there is no backup from before {before.isoformat()}: the oldest is {names[0]}",
    )
