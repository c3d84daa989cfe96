"""Backs volumes up to a bucket, reads the backups again, and restores them beside what is there."""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from .backup_errors import BackupError, Status
from .stored_backups import chosen
from .toml_config import StartError
from .volume_archive import OWN_PREFIX, SKIPPED_DIRECTORY
from .volume_config import VolumeBackupConfig
from .volume_manifest import VolumeManifest
from .volume_results import outcome_of, record
from .volume_store import VolumeStore

SHOWN = 5
"""Paths in a message."""


@dataclass(frozen=True, kw_only=True)
class ReadBack:
    """A backup of a volume that was read to its end and compared.

    Attributes:
        manifest: the backup.
        to: where its files are; None: they were only read.
        age_seconds: from the backup to the start of the restore: what a loss would have cost.
        seconds: from the start to the end of the comparison.
    """

    manifest: VolumeManifest
    to: Path | None
    age_seconds: float
    seconds: float

    def line(self) -> str:
        """A line that says what was read."""
        contents = self.manifest.contents
        return (
            f"{self.manifest.name} of {self.manifest.volume}: {len(contents.files)} files, "
            f"{contents.size} bytes, identical; recovery point {self.age_seconds:.0f} s, "
            f"recovery time {self.seconds:.1f} s"
        )


def backup_volume(config: VolumeBackupConfig, volume: str) -> str:
    """Store a backup of a volume and return a line that says which.

    Raises:
        BackupError: files were written while they were read; the backup is stored.
        StartError: a file cannot be read, or the bucket refuses.
    """
    started = time.monotonic()
    store = VolumeStore(config.backup, volume)
    root = _root(config, volume)
    manifest = store.add(root)
    contents, seconds = manifest.contents, time.monotonic() - started
    record(config, volume, taken_at=manifest.taken_at, seconds=seconds)
    line = (
        f"{store.where}/{manifest.name}: {len(contents.files)} files, {contents.size} bytes, "
        f"{manifest.archive.size} bytes stored, in {seconds:.1f} s"
    )
    if contents.skipped:
        line += f"; no copy of {_some(contents.skipped)}, which are no files"
    if contents.changed:
        raise BackupError(
            Status.CHANGED,
            f"{line}; written while they were read, so that a copy may be of two moments: "
            f"{_some(contents.changed)}: back up at a time when nothing writes to them",
        )
    return line


def volume_backups(config: VolumeBackupConfig, volume: str) -> list[str]:
    """A line for each backup of a volume, the newest last."""
    store = VolumeStore(config.backup, volume)
    lines: list[str] = []
    for name in store.names():
        try:
            contents = store.manifest(name).contents
        except BackupError as error:
            lines.append(f"{volume}  {name}  {error}")
            continue
        changed = f"  {len(contents.changed)} written meanwhile" if contents.changed else ""
        lines.append(
            f"{volume}  {name}  {len(contents.files)} files  {contents.size} bytes{changed}"
        )
    return lines or [f"{store.where}: no backup"]


def drill_volume(config: VolumeBackupConfig, volume: str) -> ReadBack:
    """Read the newest backup of a volume to its end and compare each file with its checksum.

    The result becomes metrics.

    Raises:
        BackupError: a backup is missing, damaged, stale or different.
        StartError: the bucket refuses.
    """
    try:
        found = _newest_read_back(config, volume)
    except StartError as error:
        record(config, volume, taken_at=None, seconds=None, drill=outcome_of(error))
        raise
    record(config, volume, taken_at=found.manifest.taken_at, seconds=found.seconds, drill="passed")
    return found


def _newest_read_back(config: VolumeBackupConfig, volume: str) -> ReadBack:
    started, asked_at = time.monotonic(), datetime.now(UTC)
    store = VolumeStore(config.backup, volume)
    manifest = chosen(store.where, store.names(), store.manifest, None)
    age, most = asked_at - manifest.taken_at, timedelta(minutes=config.backup.max_age_minutes)
    if age > most:
        raise BackupError(
            Status.STALE,
            f"{store.where}: the newest backup, {manifest.name}, is "
            f"{age.total_seconds() / 60:.0f} minutes old, and at most "
            f"{most.total_seconds() / 60:.0f} are allowed: see the log of the backup job",
        )
    _compare(manifest, store.read(manifest, None))
    return ReadBack(
        manifest=manifest,
        to=None,
        age_seconds=age.total_seconds(),
        seconds=time.monotonic() - started,
    )


def restore_volume(
    config: VolumeBackupConfig, volume: str, *, before: datetime | None = None
) -> ReadBack:
    """Restore a backup of a volume to a new directory in it; what fails leaves none behind.

    Args:
        config: the bucket, and where the volume is mounted.
        volume: its name.
        before: the newest backup from before this time; None: the newest.

    Raises:
        BackupError: a backup is missing, damaged, of another stack, or restored differently.
        StartError: the bucket refuses, the volume has no room, or a restored copy is there already.
    """
    started, asked_at = time.monotonic(), datetime.now(UTC)
    store = VolumeStore(config.backup, volume)
    root = _root(config, volume)
    manifest = chosen(store.where, store.names(), store.manifest, before)
    to = root / f"{OWN_PREFIX}restored-{manifest.name.lower()}"
    if to.exists():
        raise StartError(f"{to} is there already: look at it, and delete it to restore it again")
    _check_room(root, manifest)
    part = root / f"{OWN_PREFIX}part"
    shutil.rmtree(part, ignore_errors=True)  # of an earlier try
    try:
        part.mkdir()
        _compare(manifest, store.read(manifest, part))
        part.rename(to)
    except OSError as error:
        raise StartError(f"{error.filename} cannot be written: {error.strerror}") from None
    finally:
        shutil.rmtree(part, ignore_errors=True)
    return ReadBack(
        manifest=manifest,
        to=to,
        age_seconds=(asked_at - manifest.taken_at).total_seconds(),
        seconds=time.monotonic() - started,
    )


def replace_files(config: VolumeBackupConfig, restored: ReadBack) -> Path:
    """Put restored files in the place of the volume's own; returns where those are now.

    A failure moves everything back.
    """
    assert restored.to is not None  # they were restored
    root = _root(config, restored.manifest.volume)
    old = root / f"{OWN_PREFIX}before-{datetime.now(UTC):%Y%m%dt%H%M%S}"
    moved: list[tuple[Path, Path]] = []
    try:
        old.mkdir()
        for source, target in (
            *((path, old / path.name) for path in _live(root)),
            *((path, root / path.name) for path in sorted(restored.to.iterdir())),
        ):
            source.rename(target)
            moved.append((source, target))
        restored.to.rmdir()
    except OSError as error:
        for source, target in reversed(moved):
            target.rename(source)
        raise StartError(f"{error.filename} cannot be moved: {error.strerror}") from None
    return old


def _live(root: Path) -> list[Path]:
    own = (OWN_PREFIX, SKIPPED_DIRECTORY)
    return [path for path in sorted(root.iterdir()) if not path.name.startswith(own)]


def _root(config: VolumeBackupConfig, volume: str) -> Path:
    root = config.volumes.get(volume)
    if root is None:
        known = ", ".join(config.volumes) or "none"
        raise StartError(f"{volume} is no volume with backups: {known}")
    return root


def _compare(manifest: VolumeManifest, differences: list[str]) -> None:
    if differences:
        raise BackupError(
            Status.DIFFERENT, f"{manifest.name} was restored differently: {_some(differences)}"
        )


def _check_room(root: Path, manifest: VolumeManifest) -> None:
    status = os.statvfs(root)
    free = status.f_bavail * status.f_frsize
    if manifest.contents.size > free:
        raise StartError(
            f"{root} has {free} bytes free, and {manifest.name} needs {manifest.contents.size}: a "
            "restore keeps what is there; enlarge the volume (data.volumes), or delete files"
        )


def _some(lines: Iterable[str]) -> str:
    every = [*lines]
    more = f"; and {len(every) - SHOWN} more" if len(every) > SHOWN else ""
    return "; ".join(every[:SHOWN]) + more
