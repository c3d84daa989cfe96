"""Uploads closed months of the audit log to a bucket, and compares what is there."""

from __future__ import annotations

import gzip
import io
import zlib
from collections.abc import Iterable, Iterator
from typing import Any, Final

from .audit_chain import AuditRow, Chain, ChainError, lines_of, rows_of
from .backup_bucket import CHUNK, explained, open_bucket
from .backup_config import BackupSection

FOLDER: Final = "audit"
ENDING: Final = ".jsonl.gz"


class AuditBucket:
    """The exported months of one stack: an object each, with all rows as compressed lines of JSON.

    An object is there as a whole or not at all: an upload that is cut leaves none.
    """

    def __init__(self, section: BackupSection) -> None:
        """Raises `StartError` if the bucket's key cannot be read, or its address is unusable."""
        self._section = section
        self._bucket = open_bucket(section)

    def where(self, month: str) -> str:
        """The address of a month's object, for messages."""
        return f"{self._section.url.rstrip('/')}/{self._path(month)}"

    def add(self, month: str, rows: Iterable[AuditRow]) -> None:
        """Upload the rows of a month; raises `StartError` if the bucket refuses.

        What reading the rows raises is raised again, and nothing is uploaded.
        """
        failed: list[Exception] = []

        def chunks() -> Iterator[bytes]:
            try:
                yield from _compressed(lines_of(rows))
            except Exception as error:
                failed.append(error)
                raise

        try:
            with explained(self.where(month)):
                self._bucket.put(self._path(month), chunks(), chunk_size=CHUNK, max_concurrency=2)
        except Exception:
            if failed:  # the library has put an error of its own in its place
                raise failed[0] from None
            raise

    def find(self, month: str) -> Chain | None:
        """What a month's object has; None if there is none.

        Raises:
            ChainError: it is damaged, or no export of an audit log.
            StartError: the bucket refuses.
        """
        where, chain = self.where(month), Chain()
        with explained(where):
            try:
                stream = self._bucket.get(self._path(month)).stream(min_chunk_size=CHUNK)
            except FileNotFoundError:
                return None
            for row in rows_of(_lines(stream, where), where):
                chain.add(row)
        return chain

    def compare(self, month: str, written: Chain) -> None:
        """Compare a month's object with the rows that it must have.

        Raises:
            ChainError: it is missing, damaged, or has other rows.
            StartError: the bucket refuses.
        """
        found = self.find(month)
        if found is None:
            raise ChainError(f"{self.where(month)} is missing, and the month was exported")
        if _summary(found) != _summary(written):
            raise ChainError(
                f"{self.where(month)} has other rows than the log: it has {found.summary()}, and "
                f"the log {written.summary()}"
            )

    def _path(self, month: str) -> str:
        return f"{self._section.stack}/{FOLDER}/{month}{ENDING}"


def _summary(chain: Chain) -> tuple[object, ...]:
    first = chain.first and (chain.first["seq"], chain.first["previous"])
    return chain.rows, first, chain.last


def _compressed(lines: Iterable[str]) -> Iterator[bytes]:
    """The lines in chunks of gzip; the same rows have the same bytes."""
    buffer = io.BytesIO()
    with gzip.GzipFile(fileobj=buffer, mode="wb", mtime=0) as file:
        for line in lines:
            file.write(f"{line}\n".encode())
            if buffer.tell() >= CHUNK:
                yield _taken(buffer)
    yield _taken(buffer)


def _taken(buffer: io.BytesIO) -> bytes:
    content = buffer.getvalue()
    buffer.seek(0)
    buffer.truncate()
    return content


def _lines(chunks: Iterable[Any], where: str) -> Iterator[str]:
    """The lines in chunks of gzip; raises `ChainError` if they are none."""
    unpacker, rest = zlib.decompressobj(zlib.MAX_WBITS | 16), b""
    try:
        for chunk in chunks:
            *whole, rest = (rest + unpacker.decompress(bytes(chunk))).split(b"\n")
            yield from (line.decode() for line in whole)
    except (zlib.error, UnicodeDecodeError) as error:
        raise ChainError(f"{where} is damaged: {error}") from None
    if rest or unpacker.unused_data or not unpacker.eof:
        raise ChainError(f"{where} is damaged: it was cut, or something was added")
