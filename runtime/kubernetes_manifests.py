"""Backs up the Kubernetes objects of the stack, as its ConfigMap has them, and restores them."""

from __future__ import annotations

import base64
import gzip
import hashlib
import json
import sys
import zlib
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, ValidationError

from .backup_bucket import MissingObjectError, explained, open_bucket
from .backup_config import BackupSection
from .backup_errors import BackupError, Status
from .backup_manifest import Dump, name_at
from .stored_backups import check_format, chosen, names_in
from .toml_config import StartError

FILE = "manifests.yaml.gz"
DESCRIPTION = "manifest.json"
FOLDER = "manifests"
FORMAT = 1


class Description(BaseModel):
    """What a backup of Kubernetes objects is.

    Attributes:
        format: of this file.
        stack: the platform that was backed up.
        taken_at: when.
        objects: how many.
        file: the compressed YAML.
    """

    model_config = ConfigDict(frozen=True)

    format: int = FORMAT
    stack: str
    taken_at: datetime
    objects: int
    file: Dump

    @property
    def name(self) -> str:
        """The backup's name: its time."""
        return name_at(self.taken_at)


class ManifestsStore:
    """The backups of one stack's objects. A backup exists once its description does."""

    def __init__(self, section: BackupSection) -> None:
        """Raises `StartError` if the bucket's key cannot be read, or its address is unusable."""
        self._section = section
        self._bucket = open_bucket(section)
        self._folder = f"{section.stack}/{FOLDER}"

    @property
    def where(self) -> str:
        """The address of the backups, for messages."""
        return f"{self._section.url.rstrip('/')}/{self._folder}"

    def add(self, mounted: Path) -> str:
        """Store what the ConfigMap has, and return a line that says so.

        Raises:
            BackupError: the ConfigMap is not there, or is damaged.
            StartError: the bucket refuses.
        """
        content = _mounted(mounted / FILE)
        made = Description(
            stack=self._section.stack,
            taken_at=datetime.now(UTC),
            objects=_objects(content, str(mounted / FILE)),
            file=_digest(content),
        )
        folder = f"{self._folder}/{made.name}"
        with explained(self.where):
            self._bucket.put(f"{folder}/{FILE}", content)
            self._bucket.put(f"{folder}/{DESCRIPTION}", made.model_dump_json(indent=1).encode())
        return f"{self.where}/{made.name}: {made.objects} objects, {made.file.size} bytes"

    def names(self) -> list[str]:
        """The names of all backups, the newest last."""
        with explained(self.where):
            return names_in(self._bucket, self._folder, DESCRIPTION)

    def lines(self) -> list[str]:
        """A line for each backup, the newest last."""
        found: list[str] = []
        for name in self.names():
            try:
                one = self.description(name)
            except BackupError as error:
                found.append(f"{name}  {error}")
                continue
            found.append(f"{name}  {one.objects} objects  {one.file.size} bytes")
        return found or [f"{self.where}: no backup"]

    def description(self, name: str) -> Description:
        """Raises `BackupError` if it is damaged, or of another stack or format."""
        where = f"{self.where}/{name}"
        with explained(self.where):
            content = bytes(self._bucket.get(f"{self._folder}/{name}/{DESCRIPTION}").bytes())
        try:
            found = Description.model_validate_json(content)
        except ValidationError:
            raise BackupError(Status.DAMAGED, f"{where}/{DESCRIPTION} is damaged") from None
        check_format(where, found.format, FORMAT)
        if found.stack != self._section.stack:
            raise BackupError(
                Status.OTHER_STACK,
                f"{where} is a backup of {found.stack}, not of {self._section.stack}: it was "
                "copied here; nothing was restored",
            )
        return found

    def chosen(self, before: datetime | None) -> Description:
        """The newest backup, or the newest from before a time; raises `BackupError`."""
        return chosen(self.where, self.names(), self.description, before)

    def fetch(self, wanted: Description) -> bytes:
        """The compressed YAML; raises `BackupError` if it is missing or was changed."""
        path = f"{self._folder}/{wanted.name}/{FILE}"
        where = f"{self.where}/{wanted.name}/{FILE}"
        try:
            with explained(self.where):
                content = bytes(self._bucket.get(path).bytes())
        except MissingObjectError:
            raise BackupError(
                Status.MISSING,
                f"{where} is missing, and its description is there: restore an older backup, or "
                "a deleted version of this object",
            ) from None
        if _digest(content) != wanted.file:
            raise BackupError(
                Status.DAMAGED,
                f"{where} is damaged: its SHA-256 is {_digest(content).sha256}, and was "
                f"{wanted.file.sha256}: restore an older backup, or an older version of it",
            )
        return content


def restored(section: BackupSection, before: datetime | None) -> str:
    """A backup as one line of JSON, which `qudag-mcp restore --manifests` reads from the log."""
    store = ManifestsStore(section)
    wanted = store.chosen(before)
    found: dict[str, Any] = {
        "name": wanted.name,
        "objects": wanted.objects,
        "sha256": wanted.file.sha256,
        FILE: base64.b64encode(store.fetch(wanted)).decode(),
    }
    return json.dumps(found)


def with_manifests(section: BackupSection, backup: Callable[[], int]) -> int:
    """Store the stack's objects, then run the backup, which is made even if that fails.

    Returns:
        The status of the backup, or that of the objects if the backup is good.
    """
    status = 0
    if section.manifests is not None:
        try:
            print(ManifestsStore(section).add(section.manifests), flush=True)
        except BackupError as error:
            print(f"qudag-mcp-server: {error}", file=sys.stderr)
            status = int(error.status)
        except StartError as error:
            print(f"qudag-mcp-server: {error}", file=sys.stderr)
            status = 1
    return backup() or status


def _mounted(file: Path) -> bytes:
    try:
        return file.read_bytes()
    except OSError as error:
        raise BackupError(
            Status.MISSING,
            f"{file} cannot be read: {error.strerror}: the Kubernetes objects of the stack were "
            "not backed up; deploy the stack again, which makes their ConfigMap",
        ) from None


def _objects(content: bytes, where: str) -> int:
    try:
        text = gzip.decompress(content)
    except (OSError, EOFError, zlib.error) as error:
        raise BackupError(
            Status.DAMAGED, f"{where} is damaged: {error}: deploy the stack again"
        ) from None
    return sum(line == b"---" for line in text.splitlines())


def _digest(content: bytes) -> Dump:
    return Dump(size=len(content), sha256=hashlib.sha256(content).hexdigest())
