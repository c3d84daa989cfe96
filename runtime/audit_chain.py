"""Checks that rows of the audit log are complete and unchanged."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, cast

from .audit_row import COLUMNS, FIRST_HASH, hash_of

AuditRow = Mapping[str, Any]
Head = tuple[int, str]
"""Number and hash of a row, as it was named elsewhere."""
DROPPED: Final = "dropped"


class ChainError(Exception):
    """Rows are missing or were changed; the message names the first of them."""


@dataclass
class Chain:
    """Rows that were checked, one after another.

    Attributes:
        heads: hashes that rows of these numbers had when a log, an export or a user named them.
        first: the first row.
        last: number and hash of the last row.
        rows: how many.
        dropped: number and hash of the last row of each partition that a row says was dropped.
    """

    heads: Mapping[int, str] = field(default_factory=dict[int, str])
    first: AuditRow | None = None
    last: Head = (0, FIRST_HASH)
    rows: int = 0
    dropped: dict[int, str] = field(default_factory=dict[int, str])

    def add(self, row: AuditRow) -> None:
        """Check the next row; raises `ChainError`."""
        seq, digest = int(row["seq"]), str(row["hash"])
        number, before = self.last
        if self.first is None:
            self.first = row
        elif seq <= number:
            raise ChainError(f"row {seq} comes after row {number}: the order was changed")
        elif seq != number + 1:
            raise ChainError(f"row {number + 1} is missing: row {seq} comes after row {number}")
        elif row["previous"] != before:
            raise ChainError(f"row {number} was replaced: row {seq} continues a row of its number")
        if hash_of(row) != digest:
            raise ChainError(f"row {seq} was changed: its hash is of other values")
        if self.heads.get(seq, digest) != digest:
            raise ChainError(f"row {seq} was replaced: it had another hash when it was named")
        if row["event"] == DROPPED:
            last = json.loads(str(row["arguments"]))
            self.dropped[int(last["last"])] = str(last["hash"])
        self.last, self.rows = (seq, digest), self.rows + 1

    def end(self, head: Head | None = None, *, whole: bool = True) -> None:
        """Check that nothing is missing after the last row, or before the first.

        Args:
            head: the last row, as the database names it.
            whole: the rows begin with the first one, or after partitions that were dropped.

        Raises:
            ChainError: rows are missing.
        """
        number, digest = self.last
        named = [*self.heads, *([head[0]] if head else [])]
        if (newest := max(named, default=0)) > number:
            raise ChainError(f"rows from {number + 1} to {newest} are missing at the end")
        if head is not None and head != self.last:
            raise ChainError(f"row {head[0]} is not the last one, or was replaced")
        if whole and self.first is not None:
            self._check_beginning(self.first)
        if whole and self.first is None and number == 0 and digest != FIRST_HASH:
            raise ChainError("the log has no rows, and had some")

    def _check_beginning(self, first: AuditRow) -> None:
        before = int(first["seq"]) - 1
        known = FIRST_HASH if before == 0 else self.dropped.get(before)
        if known is None:
            raise ChainError(f"rows up to {before} are missing, and no row says that they expired")
        if first["previous"] != known:
            raise ChainError(f"row {before} was replaced before its partition was dropped")

    def summary(self) -> str:
        """What was checked, with the number and the hash of the last row."""
        if self.first is None:
            return "no rows"
        number, digest = self.last
        return f"{self.rows} rows, from {self.first['seq']} to {number}; the last is {digest}"


def lines_of(rows: Iterable[AuditRow]) -> Iterator[str]:
    """Each row as one line of JSON, and a last line that says how many there are."""
    count = 0
    last: AuditRow | None = None
    for last in rows:
        count += 1
        yield json.dumps({name: last[name] for name in COLUMNS}, ensure_ascii=False)
    end = {"rows": count, "seq": last and last["seq"], "hash": last and last["hash"]}
    yield json.dumps({"end": end})


def rows_of(lines: Iterable[str], source: str) -> Iterator[AuditRow]:
    """The rows in the lines of a file; raises `ChainError` if it is cut or no such file."""
    count = 0
    end: dict[str, Any] | None = None
    row: dict[str, Any] = {}
    for number, line in enumerate(lines, start=1):
        if end is not None:
            raise ChainError(f"{source}: line {number} comes after the last one")
        try:
            found: Any = json.loads(line)
        except ValueError:
            raise ChainError(f"{source}: line {number} is no JSON: the file was cut") from None
        said = cast("dict[str, Any]", found) if isinstance(found, dict) else {}
        if isinstance(said.get("end"), dict):
            end = said["end"]
        elif set(COLUMNS) <= set(said):
            row, count = said, count + 1
            yield row
        else:
            raise ChainError(f"{source}: line {number} is no row of an audit log")
    if end is None:
        raise ChainError(f"{source}: the last line is missing: the file was cut")
    if count != end.get("rows") or (count and row.get("hash") != end.get("hash")):
        raise ChainError(f"{source}: rows are missing at the end: it says {end.get('rows')}")


def head_of(text: str) -> Head:
    """The number and the hash in `SEQ:HASH`; raises `ValueError`."""
    number, _, digest = text.partition(":")
    if len(digest) != len(FIRST_HASH) or set(digest) - set("0123456789abcdef"):
        raise ValueError(f"{text!r} is no number and hash of a row, such as 17:{FIRST_HASH}")
    return int(number), digest
