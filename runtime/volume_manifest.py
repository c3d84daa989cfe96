"""What a backup of a volume contains, as the file beside its archive says."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime

from pydantic import BaseModel, ConfigDict

from .backup_manifest import Dump, name_at

FORMAT = 1


class FileEntry(BaseModel):
    """A file of the volume.

    Attributes:
        size: in bytes.
        sha256: digest of its content.
    """

    model_config = ConfigDict(frozen=True)

    size: int
    sha256: str


class Contents(BaseModel):
    """What is in a volume, by paths without a leading slash.

    Attributes:
        files: the files.
        directories: the directories.
        links: symbolic links, with what they point to.
        changed: files that were written while they were read: their copy may be of two moments.
        skipped: sockets, pipes and devices, which are in no backup.
    """

    model_config = ConfigDict(frozen=True)

    files: Mapping[str, FileEntry]
    directories: Sequence[str]
    links: Mapping[str, str]
    changed: Sequence[str] = ()
    skipped: Sequence[str] = ()

    @property
    def size(self) -> int:
        """The bytes of all files."""
        return sum(file.size for file in self.files.values())

    def differences(self, found: Contents) -> list[str]:
        """What ``found`` has otherwise, as one line a path."""
        lines: list[str] = []
        for path, wanted in self.files.items():
            if (got := found.files.get(path)) is None:
                lines.append(f"{path} is missing: it had {wanted.size} bytes")
            elif got.size != wanted.size:
                lines.append(f"{path} has {got.size} bytes, and had {wanted.size}")
            elif got.sha256 != wanted.sha256:
                lines.append(f"{path} has other content in its {got.size} bytes")
        lines += [f"{path} was not there" for path in found.files if path not in self.files]
        gone = {*self.directories} - {*found.directories}
        lines += [f"{path} is missing: it was a directory" for path in sorted(gone)]
        for path, target in self.links.items():
            if (got := found.links.get(path)) != target:
                lines.append(f"{path} is a link to {got or 'nothing'}, and was one to {target}")
        return lines


class VolumeManifest(BaseModel):
    """One backup of a volume.

    Attributes:
        format: of this file.
        stack: the platform whose volume it is.
        volume: its name.
        taken_at: when the first file was read.
        contents: what was in it.
        archive: the file with the content.
    """

    model_config = ConfigDict(frozen=True)

    format: int = FORMAT
    stack: str
    volume: str
    taken_at: datetime
    contents: Contents
    archive: Dump

    @property
    def name(self) -> str:
        """The backup's name: the time at which it was begun."""
        return name_at(self.taken_at)
