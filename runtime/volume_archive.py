"""The archive of a volume: a compressed tar, written and read in one pass, without a disk."""

from __future__ import annotations

import gzip
import hashlib
import os
import stat
import tarfile
import zlib
from collections.abc import Generator, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from typing import IO, Any, Protocol, cast

from .backup_manifest import Dump
from .toml_config import StartError
from .volume_manifest import Contents, FileEntry

BLOCK = 1024 * 1024
OWN_PREFIX = ".qudag-"
"""Of directories that a restore makes in a volume; no backup contains them."""
SKIPPED_DIRECTORY = "lost+found"
LINK = "link"
FILE = "file"
DIRECTORY = "directory"
OTHER = "other"


class ArchiveError(Exception):
    """The archive ends early, or is no archive."""


class Written(Protocol):
    """What an archive is written to."""

    def write(self, data: bytes, /) -> Any:
        """Write all of ``data``."""
        ...


class Counted:
    """Passes on what is written or read, and counts and digests it."""

    def __init__(self) -> None:
        self._digest = hashlib.sha256()
        self._size = 0

    @property
    def total(self) -> Dump:
        """The size and the digest of all until now."""
        return Dump(size=self._size, sha256=self._digest.hexdigest())

    def count(self, data: bytes) -> None:
        """Add ``data``."""
        self._digest.update(data)
        self._size += len(data)


class CountedWriter(Counted):
    """Writes to something else."""

    def __init__(self, to: Written) -> None:
        super().__init__()
        self._to = to

    def write(self, data: bytes) -> int:
        """Write all of ``data``."""
        self._to.write(data)
        self.count(data)
        return len(data)

    def flush(self) -> None:
        """Do nothing: what it writes to has no buffer of ours."""


class CountedChunks(Counted):
    """Reads from chunks of bytes."""

    def __init__(self, chunks: Iterable[Any]) -> None:
        super().__init__()
        self._chunks = iter(chunks)
        self._rest = b""

    def read(self, size: int) -> bytes:
        """At most ``size`` bytes; none at the end."""
        while not self._rest:
            chunk = next(self._chunks, None)
            if chunk is None:
                return b""
            self._rest = bytes(chunk)
            self.count(self._rest)
        data, self._rest = self._rest[:size], self._rest[size:]
        return data

    def drain(self) -> None:
        """Read to the end."""
        while self.read(BLOCK):
            pass


class _FileOfSize(Counted):
    """Reads a file to the size that it had: what is missing is filled with zeros."""

    def __init__(self, file: IO[bytes], size: int) -> None:
        super().__init__()
        self._file = file
        self._left = size
        self.short = False

    def read(self, size: int) -> bytes:
        """At most ``size`` bytes of what is left."""
        wanted = min(size, self._left)
        data = self._file.read(wanted)
        if len(data) < wanted:
            self.short = True
            data += bytes(wanted - len(data))
        self._left -= wanted
        self.count(data)
        return data


def pack(root: Path, to: CountedWriter) -> Contents:
    """Write the archive of a directory, and return what is in it.

    Raises:
        StartError: a file or directory cannot be read.
    """
    files: dict[str, FileEntry] = {}
    directories: list[str] = []
    links: dict[str, str] = {}
    changed: list[str] = []
    skipped: list[str] = []
    try:
        with (
            gzip.GzipFile(fileobj=cast("IO[bytes]", to), mode="wb", compresslevel=1) as stream,
            tarfile.open(fileobj=stream, mode="w|") as tar,
        ):
            for path, kind in _entries(root):
                full = root / path
                if kind == DIRECTORY:
                    tar.addfile(_member(path, full.lstat(), tarfile.DIRTYPE))
                    directories.append(path)
                elif kind == LINK:
                    member = _member(path, full.lstat(), tarfile.SYMTYPE)
                    member.linkname = links[path] = os.readlink(full)
                    tar.addfile(member)
                elif kind == FILE:
                    try:
                        files[path], still = _add(tar, path, full)
                    except FileNotFoundError:
                        continue  # deleted since its directory was read
                    if not still:
                        changed.append(path)
                else:
                    skipped.append(path)
    except OSError as error:
        raise StartError(
            f"{error.filename or root} cannot be read: {error.strerror or error}: the backup reads "
            "as the user 65534 with that group; let the group read it"
        ) from None
    return Contents(
        files=files, directories=directories, links=links, changed=changed, skipped=skipped
    )


def _entries(root: Path) -> Iterator[tuple[str, str]]:
    """Each path below ``root`` with its kind, a directory before what is in it."""
    waiting = [""]
    while waiting:
        directory = waiting.pop()
        found = sorted(os.scandir(root / directory), key=lambda entry: entry.name)
        for entry in found:
            path = f"{directory}/{entry.name}" if directory else entry.name
            if not directory and (path.startswith(OWN_PREFIX) or path == SKIPPED_DIRECTORY):
                continue
            if entry.is_symlink():
                yield path, LINK
            elif entry.is_dir(follow_symlinks=False):
                yield path, DIRECTORY
                waiting.append(path)
            elif entry.is_file(follow_symlinks=False):
                yield path, FILE
            else:
                yield path, OTHER


def _add(tar: tarfile.TarFile, path: str, full: Path) -> tuple[FileEntry, bool]:
    """Add a file; whether it stayed the same while it was read. Of two copies the last counts."""
    entry, still = _copy(tar, path, full)
    return (entry, still) if still else _copy(tar, path, full)


def _copy(tar: tarfile.TarFile, path: str, full: Path) -> tuple[FileEntry, bool]:
    descriptor = os.open(full, os.O_RDONLY | os.O_NOFOLLOW)
    with os.fdopen(descriptor, "rb") as file:
        before = os.fstat(descriptor)
        content = _FileOfSize(file, before.st_size)
        tar.addfile(_member(path, before, tarfile.REGTYPE), cast("IO[bytes]", content))
        after = os.fstat(descriptor)
    times = before.st_mtime_ns, after.st_mtime_ns
    still = not content.short and before.st_size == after.st_size and times[0] == times[1]
    return FileEntry(size=content.total.size, sha256=content.total.sha256), still


def _member(path: str, status: os.stat_result, kind: bytes) -> tarfile.TarInfo:
    member = tarfile.TarInfo(path)
    member.type = kind
    member.mode = stat.S_IMODE(status.st_mode)
    member.mtime = int(status.st_mtime)
    member.size = status.st_size if kind == tarfile.REGTYPE else 0
    return member


def unpack(chunks: CountedChunks, to: Path | None) -> Contents:
    """Read an archive to its end, and return what is in it; files are written to ``to``.

    Raises:
        ArchiveError: it ends early, or is no archive.
        StartError: a file cannot be written.
    """
    files: dict[str, FileEntry] = {}
    modes: dict[str, int] = {}
    links: dict[str, str] = {}
    try:
        with tarfile.open(fileobj=cast("IO[bytes]", chunks), mode="r|gz") as tar:
            for member in tar:
                path = _inside(member.name)
                if member.isdir():
                    modes[path] = member.mode
                    if to is not None:
                        with _written():
                            (to / path).mkdir(parents=True, exist_ok=True)
                elif member.issym():
                    links[path] = member.linkname
                elif member.isreg():
                    source = tar.extractfile(member)
                    assert source is not None  # it is a file
                    files[path] = _copied(source, member, to / path if to else None)
        chunks.drain()
    except (tarfile.TarError, EOFError, zlib.error, UnicodeError) as error:
        raise ArchiveError(str(error) or type(error).__name__) from None
    if to is not None:
        # Last: no file is written through a link, or into a directory that may not be written.
        with _written():
            for path, target in links.items():
                (to / path).symlink_to(target)
            for path in reversed(modes):
                (to / path).chmod(modes[path])
    return Contents(files=files, directories=[*modes], links=links)


def _copied(source: IO[bytes], member: tarfile.TarInfo, to: Path | None) -> FileEntry:
    counted = Counted()
    if to is None:
        while block := source.read(BLOCK):
            counted.count(block)
    else:
        with _written(), to.open("wb") as target:
            while block := source.read(BLOCK):
                counted.count(block)
                target.write(block)
            os.fchmod(target.fileno(), member.mode)
        os.utime(to, (member.mtime, member.mtime))
    return FileEntry(size=counted.total.size, sha256=counted.total.sha256)


@contextmanager
def _written() -> Generator[None]:
    """Raise `StartError` for a file that cannot be written."""
    try:
        yield
    except OSError as error:
        raise StartError(f"{error.filename} cannot be written: {error.strerror}") from None


def _inside(path: str) -> str:
    if path.startswith("/") or ".." in PurePosixPath(path).parts:
        raise ArchiveError(f"{path} is not inside the volume")
    return path
