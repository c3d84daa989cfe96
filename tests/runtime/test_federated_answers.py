"""Answers of other servers take a bounded amount of memory, however they are made."""

from __future__ import annotations

import json
import time
import tracemalloc

import pytest

from runtime.federation.answers import LARGEST_ANSWER, MOST_VALUES, TooManyValuesError, parse

pytestmark = pytest.mark.slow

MIB = 1024 * 1024
START = b'{"jsonrpc":"2.0","id":1,"result":{"a":['


def filled(item: bytes, size: int = LARGEST_ANSWER) -> bytes:
    """An answer of this size, of one item again and again."""
    return START + item * ((size - len(START) - 8) // len(item)) + b"0]}}"


@pytest.mark.parametrize(
    "item",
    [b"[],", b'"",', b'{"ab":1},', b"1000,"],
    ids=bytes.decode,
)
def test_an_answer_of_many_small_values_takes_little_memory(item: bytes):
    """Without the limit on values, 16 MiB of them took 350 MiB."""
    content = filled(item)
    tracemalloc.start()
    try:
        with pytest.raises(TooManyValuesError):
            parse(content)
        assert tracemalloc.get_traced_memory()[1] < 1 * MIB
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("item", [b'{"ab":1},', b"[],", b'"ab",'], ids=bytes.decode)
def test_the_largest_accepted_answer_takes_at_most_64_mebibytes(item: bytes):
    values = {b'{"ab":1},': 3, b"[],": 2, b'"ab",': 2}[item]
    content = filled(item, len(item) * (MOST_VALUES // values - 20))
    tracemalloc.start()
    try:
        assert parse(content) is not None
        assert tracemalloc.get_traced_memory()[1] < 64 * MIB
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("text", ["[{,", '[{"a":1},', "\\\\", "\\u00e9,[", "base64+/="])
def test_a_long_text_is_one_value(text: str):
    """Also a JSON document or a table in a string, which are full of commas and quotes."""
    content = json.dumps({"jsonrpc": "2.0", "id": 1, "result": {"text": ""}})
    while len(content) < LARGEST_ANSWER // 2:
        text += text
        content = json.dumps({"jsonrpc": "2.0", "id": 1, "result": {"text": text}})
    message = parse(content.encode())
    assert message is not None
    assert message["result"]["text"] == text


@pytest.mark.parametrize(
    "item", [b'"', b'\\"', b'"\\', b'","', b"[" * 9 + b'"'], ids=["q", "eq", "qb", "qc", "n"]
)
def test_an_answer_that_ends_in_a_string_is_refused_quickly(item: bytes):
    """The time grows with its length, not with the square: seconds of CPU time would be hours."""
    began = time.thread_time()
    with pytest.raises((ValueError, RecursionError)):
        parse(START + b'"' + item * ((LARGEST_ANSWER - len(START)) // len(item)))
    assert time.thread_time() - began < 5
