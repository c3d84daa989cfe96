"""The backups of a stack in a bucket: a folder each, with the data and a manifest."""

from __future__ import annotations

import hashlib
from pathlib import Path

from pydantic import ValidationError

from .backup_bucket import CHUNK, MissingObjectError, explained, open_bucket
from .backup_config import BackupSection
from .backup_errors import BackupError, Status
from .backup_manifest import FORMAT, Dump, Manifest
from .stored_backups import check_format, names_in

DATA = "database.dump"
MANIFEST = "manifest.json"
FOLDER = "database"


class BackupStore:
    """The backups of one stack.

    A backup exists once its manifest does, which is written last.
    """

    def __init__(self, section: BackupSection) -> None:
        """Raises `StartError` if the bucket's key cannot be read, or its address is unusable."""
        self._section = section
        self._store = open_bucket(section)
        self._folder = f"{section.stack}/{FOLDER}"

    @property
    def where(self) -> str:
        """The address of the backups, for messages."""
        return f"{self._section.url.rstrip('/')}/{self._folder}"

    def add(self, manifest: Manifest, data: Path) -> None:
        """Store a backup; raises `StartError` if the bucket refuses it."""
        folder = f"{self._folder}/{manifest.name}"
        with explained(self.where):
            self._store.put(f"{folder}/{DATA}", data, chunk_size=CHUNK)
            text = manifest.model_dump_json(indent=1).encode()
            self._store.put(f"{folder}/{MANIFEST}", text)

    def names(self) -> list[str]:
        """The names of all backups, the newest last."""
        with explained(self.where):
            return names_in(self._store, self._folder, MANIFEST)

    def manifest(self, name: str) -> Manifest:
        """The manifest of a backup.

        Raises:
            BackupError: it is damaged, or of another stack.
        """
        path = f"{self._folder}/{name}/{MANIFEST}"
        with explained(self.where):
            content = bytes(self._store.get(path).bytes())
        try:
            manifest = Manifest.model_validate_json(content)
        except ValidationError:
            raise BackupError(
                Status.DAMAGED, f"{self.where}/{name}/{MANIFEST} is damaged: it is no manifest"
            ) from None
        check_format(f"{self.where}/{name}", manifest.format, FORMAT)
        if manifest.stack != self._section.stack:
            raise BackupError(
                Status.OTHER_STACK,
                f"{self.where}/{name} is a backup of {manifest.stack}, not of "
                f"{self._section.stack}: it was copied here; nothing was restored",
            )
        return manifest

    def fetch(self, manifest: Manifest, to: Path) -> None:
        """Write the data of a backup to a file.

        Raises:
            BackupError: it is missing, or is not what was stored.
        """
        path = f"{self._folder}/{manifest.name}/{DATA}"
        digest, size = hashlib.sha256(), 0
        try:
            with explained(self.where), to.open("wb") as file:
                for chunk in self._store.get(path).stream(min_chunk_size=CHUNK):
                    file.write(chunk)
                    digest.update(chunk)
                    size += len(chunk)
        except MissingObjectError:
            raise BackupError(
                Status.MISSING,
                f"{self.where}/{manifest.name}/{DATA} is missing, and its manifest is there: "
                "restore an older backup, or a deleted version of this object",
            ) from None
        if (size, digest.hexdigest()) != (manifest.dump.size, manifest.dump.sha256):
            raise BackupError(
                Status.DAMAGED,
                f"{self.where}/{manifest.name}/{DATA} is damaged: it has {size} bytes and SHA-256 "
                f"{digest.hexdigest()}, and had {manifest.dump.size} bytes and "
                f"{manifest.dump.sha256}: restore an older backup, or an older version of it",
            )


def dump_of(data: Path) -> Dump:
    """The size and the digest of a file."""
    digest = hashlib.sha256()
    with data.open("rb") as file:
        while chunk := file.read(CHUNK):
            digest.update(chunk)
    return Dump(size=data.stat().st_size, sha256=digest.hexdigest())
