"""Splits a program's output into lines of limited length."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

EDGE = 256
"""Bytes that are kept of the beginning and of the end of a line that is too long."""
_ID_FIRST = re.compile(rb'\s*\{\s*(?:"jsonrpc"\s*:\s*"2\.0"\s*,\s*)?"id"\s*:\s*([0-9]{1,18})\s*,')
_ID_LAST = re.compile(rb'"id"\s*:\s*([0-9]{1,18})\s*(?:,\s*"jsonrpc"\s*:\s*"2\.0"\s*)?\}\s*$')


@dataclass(frozen=True)
class TooLong:
    """What is kept of a line that is longer than allowed."""

    size: int
    head: bytes
    tail: bytes

    def answered(self) -> int | None:
        """The id of the request that this line answers; None if it cannot be told.

        Programs write the id as the first member of the message, or as the last one.
        """
        found = _ID_FIRST.match(self.head) or _ID_LAST.search(self.tail)
        return int(found[1]) if found else None


@dataclass
class Lines:
    """Collects bytes, and returns complete lines without their ends.

    A line of more than `most` bytes is returned as `TooLong`, and never held in memory.
    """

    most: int
    unread: bytearray = field(default_factory=bytearray)
    skipped: int = 0
    head: bytes = b""

    def feed(self, data: bytes) -> list[bytes | TooLong]:
        """Add `data`; returns the lines that it completes."""
        found: list[bytes | TooLong] = []
        *complete, rest = data.split(b"\n")
        for part in complete:
            self._add(part)
            found.append(self._take())
        self._add(rest)
        return found

    def end(self) -> list[bytes | TooLong]:
        """The last line, if the output did not end with the end of a line."""
        return [self._take()] if self.unread or self.skipped else []

    def _add(self, part: bytes) -> None:
        self.unread += part
        if self.skipped or len(self.unread) > self.most:
            if not self.skipped:
                self.head = bytes(self.unread[:EDGE])
            excess = max(len(self.unread) - EDGE, 0)
            self.skipped += excess
            del self.unread[:excess]

    def _take(self) -> bytes | TooLong:
        rest, skipped = bytes(self.unread), self.skipped
        self.unread.clear()
        self.skipped = 0
        if skipped:
            return TooLong(skipped + len(rest), self.head, rest)
        return rest.removesuffix(b"\r")
