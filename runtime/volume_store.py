"""The backups of a volume in a bucket: a folder each, with an archive and a manifest."""

from __future__ import annotations

from datetime import UTC, datetime
from importlib import import_module
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from .backup_bucket import CHUNK, MissingObjectError, explained, open_bucket
from .backup_config import BackupSection
from .backup_errors import BackupError, Status
from .backup_manifest import name_at
from .stored_backups import check_format, names_in
from .volume_archive import ArchiveError, CountedChunks, CountedWriter, pack, unpack
from .volume_manifest import FORMAT, VolumeManifest

ARCHIVE = "files.tar.gz"
MANIFEST = "manifest.json"
FOLDER = "volumes"


class VolumeStore:
    """The backups of one volume of one stack. A backup exists once its manifest does."""

    def __init__(self, section: BackupSection, volume: str) -> None:
        """Raises `StartError` if the bucket's key cannot be read, or its address is unusable."""
        self._section = section
        self._bucket = open_bucket(section)
        self._volume = volume
        self._folder = f"{section.stack}/{FOLDER}/{volume}"

    @property
    def where(self) -> str:
        """The address of the backups, for messages."""
        return f"{self._section.url.rstrip('/')}/{self._folder}"

    def add(self, root: Path) -> VolumeManifest:
        """Store a backup of a directory; raises `StartError` if it or the bucket refuses."""
        taken_at = datetime.now(UTC)
        folder = f"{self._folder}/{name_at(taken_at)}"
        obstore: Any = import_module("obstore")
        with explained(self.where):
            with obstore.open_writer(self._bucket, f"{folder}/{ARCHIVE}") as file:
                to = CountedWriter(file)
                contents = pack(root, to)
            manifest = VolumeManifest(
                stack=self._section.stack,
                volume=self._volume,
                taken_at=taken_at,
                contents=contents,
                archive=to.total,
            )
            self._bucket.put(f"{folder}/{MANIFEST}", manifest.model_dump_json().encode())
        return manifest

    def names(self) -> list[str]:
        """The names of all backups, the newest last."""
        with explained(self.where):
            return names_in(self._bucket, self._folder, MANIFEST)

    def manifest(self, name: str) -> VolumeManifest:
        """The manifest of a backup.

        Raises:
            BackupError: it is damaged, of another format, or of another stack or volume.
        """
        where = f"{self.where}/{name}"
        with explained(self.where):
            content = bytes(self._bucket.get(f"{self._folder}/{name}/{MANIFEST}").bytes())
        try:
            manifest = VolumeManifest.model_validate_json(content)
        except ValidationError:
            raise BackupError(
                Status.DAMAGED, f"{where}/{MANIFEST} is damaged: it is no manifest"
            ) from None
        check_format(where, manifest.format, FORMAT)
        if (manifest.stack, manifest.volume) != (self._section.stack, self._volume):
            raise BackupError(
                Status.OTHER_STACK,
                f"{where} is a backup of {manifest.volume} of {manifest.stack}, not of "
                f"{self._volume} of {self._section.stack}: it was copied here; nothing was "
                "restored",
            )
        return manifest

    def read(self, manifest: VolumeManifest, to: Path | None) -> list[str]:
        """Read an archive to its end and compare it; its files are written to ``to``.

        Returns:
            What is different from what was backed up, as one line a path.

        Raises:
            BackupError: the archive is missing, or is not what was stored.
        """
        path = f"{self._folder}/{manifest.name}/{ARCHIVE}"
        where = f"{self.where}/{manifest.name}/{ARCHIVE}"
        try:
            with explained(self.where):
                chunks = CountedChunks(self._bucket.get(path).stream(min_chunk_size=CHUNK))
                found = unpack(chunks, to)
        except MissingObjectError:
            raise BackupError(
                Status.MISSING,
                f"{where} is missing, and its manifest is there: restore an older backup, or a "
                "deleted version of this object",
            ) from None
        except ArchiveError as error:
            raise BackupError(
                Status.DAMAGED,
                f"{where} is damaged: {error}: restore an older backup, or an older version of it",
            ) from None
        if chunks.total != manifest.archive:
            raise BackupError(
                Status.DAMAGED,
                f"{where} is damaged: it has {chunks.total.size} bytes and SHA-256 "
                f"{chunks.total.sha256}, and had {manifest.archive.size} bytes and "
                f"{manifest.archive.sha256}: restore an older backup, or an older version of it",
            )
        return manifest.contents.differences(found)
