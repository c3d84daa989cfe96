"""Parses the answers of other servers, within limits on the memory that they take."""

from __future__ import annotations

import json
import math
import re
from typing import Any, cast

LARGEST_ANSWER = 4 * 1024 * 1024
"""Bytes; as the largest request of the reference server by default."""
MOST_VALUES = 500_000
"""Strings, commas and opening brackets. Each can become an object in memory, of up to 200 bytes."""

Message = dict[str, Any]

_STRING = re.compile(rb'"(?:[^"\\]++|\\.?)*+"?', re.DOTALL)
"""With the closing quote left out at the end, so that no byte is read twice."""
_SURROGATE = re.compile(rb"\\u[dD][89a-fA-F]")


class TooManyValuesError(ValueError):
    """A message has more than `MOST_VALUES`."""


def parse(content: bytes | bytearray) -> Message | None:
    """Parse a JSON-RPC message; None for other JSON.

    Raises:
        TooManyValuesError: it would take too much memory.
        ValueError, RecursionError: it is not JSON, or cannot be written as JSON again.
    """
    if has_too_many_values(content):
        raise TooManyValuesError
    text = content.decode()  # strictly UTF-8, as JSON between programs is
    parsed = json.loads(text, parse_constant=_no_number, parse_float=_finite)
    if _SURROGATE.search(content):
        # Half of a pair cannot be written as UTF-8: every answer with it would fail.
        json.dumps(parsed, ensure_ascii=False).encode()
    if not isinstance(parsed, dict):
        return None
    message = cast("Message", parsed)
    return message if message.get("jsonrpc") == "2.0" else None


def has_too_many_values(content: bytes | bytearray) -> bool:
    """Whether JSON has more than `MOST_VALUES`; text inside of a string counts once."""
    if _marks(content, 0, len(content)) + content.count(b'"') <= MOST_VALUES:
        return False
    values, end = 0, 0
    for string in _STRING.finditer(content):
        values += 1 + _marks(content, end, string.start())
        if values > MOST_VALUES:
            return True
        end = string.end()
    return values + _marks(content, end, len(content)) > MOST_VALUES


def _marks(content: bytes | bytearray, start: int, end: int) -> int:
    return sum(content.count(mark, start, end) for mark in (b",", b"[", b"{"))


def _no_number(constant: str) -> None:
    """Refuse NaN and the infinities, which clients of this server could not parse."""
    raise ValueError(constant)


def _finite(number: str) -> float:
    """Refuse numbers such as 1e999, which become infinite."""
    parsed = float(number)
    if not math.isfinite(parsed):
        raise ValueError(number)
    return parsed
