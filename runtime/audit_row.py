"""A row of the audit log: its columns, and the text that its hash is made of."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any, Final, Literal

Event = Literal["call", "outcome", "refusal", "dropped"]
FIRST_HASH: Final = "0" * 64
"""In place of the hash of the row before the first one."""
LONGEST: Final = 512
"""Characters of a value that a client has chosen; a longer one is cut."""
LONGEST_ARGUMENTS: Final = 16_384


@dataclass(frozen=True, kw_only=True, slots=True)
class Row:
    """What a server records.

    Attributes:
        event: `call` before a call that has to be recorded, or after one that need not be;
            `outcome` after a call that has a row already; `refusal` for a request that was refused;
            `dropped` for a partition that was dropped.
        call_id: of the call, in its two rows; no two calls share one.
        server: name of the server that wrote the row.
        request_id: as in the logs of servers and gateway.
        issuer, subject, client_id: of the token.
        address: of the client.
        resource: path of the server that was asked for.
        method: of MCP.
        name: of the tool, the prompt or the kind of resource.
        outcome: `ok`, `tool_error`, `refused`, `crashed`, `cancelled`, `admitted` by the authorizer
            of another server, or `not_recorded`: refused because its row was not committed.
        status: of HTTP, of a refusal.
        reason: of a refusal.
        arguments: as JSON, if they are recorded.
    """

    event: Event
    call_id: str
    server: str
    request_id: str | None = None
    issuer: str | None = None
    subject: str | None = None
    client_id: str | None = None
    address: str | None = None
    resource: str | None = None
    method: str | None = None
    name: str | None = None
    outcome: str | None = None
    status: int | None = None
    reason: str | None = None
    arguments: str | None = None

    def values(self) -> list[str | int | None]:
        """The values of `WRITTEN`, of texts that PostgreSQL can hold."""
        return [_storable(name, getattr(self, name)) for name in WRITTEN]


WRITTEN: Final = tuple(field.name for field in fields(Row))
"""The columns that a writer sets."""
HASHED: Final = ("previous", "seq", "at", *WRITTEN)
"""The columns that the hash of a row covers, in this order."""
COLUMNS: Final = ("seq", "at", *WRITTEN, "previous", "hash")


def hash_of(row: Mapping[str, Any]) -> str:
    """The hash of a row with the columns `HASHED`; `at` as `2026-11-29T01:02:03.000004`.

    SHA-256 over the values with their lengths in characters, as the function `audit.hash_of` of the
    database has it.
    """
    return hashlib.sha256(_text([row[name] for name in HASHED]).encode()).hexdigest()


def _text(values: Sequence[object]) -> str:
    written = ("-" if value is None else str(value) for value in values)
    return ",".join(
        text if value is None else f"{len(text)}:{text}"
        for value, text in zip(values, written, strict=True)
    )


def _storable(name: str, value: str | int | None) -> str | int | None:
    """The value, cut; without NUL and halves of surrogate pairs."""
    if not isinstance(value, str):
        return value
    longest = LONGEST_ARGUMENTS if name == "arguments" else LONGEST
    if len(value) > longest:
        value = f"{value[: longest - 1]}…"
    return value.replace("\0", "\ufffd").encode(errors="replace").decode()
