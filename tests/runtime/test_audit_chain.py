"""Rows of the audit log that were changed, removed, reordered or cut are found and named."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any, Final

import pytest

from runtime.audit_chain import Chain, ChainError, head_of, lines_of, rows_of
from runtime.audit_row import COLUMNS, FIRST_HASH, LONGEST, WRITTEN, Row, hash_of

Rows = list[dict[str, Any]]


def rows(count: int = 5, first: int = 1, previous: str = FIRST_HASH) -> Rows:
    made: Rows = []
    for seq in range(first, first + count):
        row: dict[str, Any] = dict.fromkeys(COLUMNS)
        row |= {"event": "call", "call_id": f"c{seq}", "server": "core", "subject": "ünï, 3:x"}
        row |= {"seq": seq, "at": f"2026-11-29T01:02:03.{seq:06}", "previous": previous}
        previous = row["hash"] = hash_of(row)
        made.append(row)
    return made


def checked(found: Rows, heads: Mapping[int, str] = {}, head: Any = None) -> Chain:
    chain = Chain(heads)
    for row in found:
        chain.add(row)
    chain.end(head)
    return chain


def rehashed(row: dict[str, Any], **changes: Any) -> dict[str, Any]:
    changed = {**row, **changes}
    return {**changed, "hash": hash_of(changed)}


def swapped(found: Rows) -> Rows:
    first, second = found[1], found[2]
    numbers = ("seq", "at", "previous", "hash")
    found[1] = {**second, **{name: first[name] for name in numbers}}
    found[2] = {**first, **{name: second[name] for name in numbers}}
    return found


def test_unchanged_rows_pass():
    found = rows()
    chain = checked(found, {3: found[2]["hash"]}, (5, found[4]["hash"]))
    assert chain.summary() == f"5 rows, from 1 to 5; the last is {found[4]['hash']}"


@pytest.mark.parametrize("column", [name for name in COLUMNS if name not in {"seq", "hash"}])
def test_a_changed_value_is_found_in_each_column(column: str):
    found = rows()
    found[2][column] = 7 if column == "status" else "other"
    with pytest.raises(ChainError, match="row 3"):
        checked(found)


DAMAGED_ROWS: Final[list[tuple[Callable[[Rows], Rows], str]]] = [
    (lambda r: [*r[:1], *r[2:]], "row 2 is missing: row 3 comes after row 1"),
    (lambda r: r[1:], "rows up to 1 are missing, and no row says that they expired"),
    (lambda r: [r[0], r[2], r[1], *r[3:]], "row 2 is missing"),
    (lambda r: [*r[:2], r[1], *r[2:]], "row 2 comes after row 2: the order was changed"),
    (swapped, "row 2 was changed"),
    (lambda r: [*r[:2], {**r[2], "subject": "other"}, *r[3:]], "row 3 was changed"),
    (
        lambda r: [*r[:2], rehashed(r[2], subject="other"), *r[3:]],
        "row 3 was replaced: row 4 continues a row of its number",
    ),
    (lambda r: [*r[:2], {**r[2], "subject": "ünï", "client_id": "3:x"}, *r[3:]], "row 3"),
]


@pytest.mark.parametrize(("damage", "words"), DAMAGED_ROWS)
def test_a_damaged_row_is_named(damage: Callable[[Rows], Rows], words: str):
    with pytest.raises(ChainError, match=words):
        checked(damage(rows()))


def test_rows_missing_at_the_end_are_found_by_each_head():
    found = rows()
    for heads, head in (({5: found[4]["hash"]}, None), ({}, (5, found[4]["hash"]))):
        with pytest.raises(ChainError, match="rows from 4 to 5 are missing at the end"):
            checked(found[:3], heads, head)


def test_a_chain_that_was_made_anew_differs_from_the_heads_that_were_named():
    found = rows()
    again = [rehashed(found[0], subject="other")]
    for row in found[1:]:
        again.append(rehashed(row, previous=again[-1]["hash"]))
    checked(again)
    with pytest.raises(ChainError, match="row 4 was replaced"):
        checked(again, {4: found[3]["hash"]})


def test_no_rows_are_found_missing_by_a_head():
    with pytest.raises(ChainError, match="rows from 1 to 5 are missing"):
        checked([], {}, (5, rows()[4]["hash"]))


def test_dropped_rows_are_known_by_the_row_that_says_so():
    found = rows()
    said = {"rows": 2, "first": 1, "last": 2, "hash": found[1]["hash"]}
    kept = found[2:]
    dropped = rehashed(
        {**kept[-1], "seq": 6},
        event="dropped",
        previous=kept[-1]["hash"],
        arguments=json.dumps(said),
    )
    checked([*kept, dropped])
    other = {**said, "hash": "0" * 64}
    false = rehashed(dropped, arguments=json.dumps(other))
    with pytest.raises(ChainError, match="row 2 was replaced before its partition was dropped"):
        checked([*kept, false])


def test_lines_give_the_rows_back():
    found = rows()
    assert list(rows_of(lines_of(found), "log")) == found
    assert list(rows_of(lines_of([]), "log")) == []


DAMAGED_FILES: Final[list[tuple[Callable[[list[str]], list[str]], str]]] = [
    (lambda lines: lines[:-1], "the last line is missing: the file was cut"),
    (lambda lines: [*lines[:-2], lines[-1]], "rows are missing at the end: it says 5"),
    (lambda lines: [*lines, lines[0]], "line 7 comes after the last one"),
    (lambda lines: [lines[0][:-9], *lines[1:]], "line 1 is no JSON"),
    (lambda lines: ["{}", *lines[1:]], "line 1 is no row of an audit log"),
    (lambda lines: ["[]", *lines[1:]], "line 1 is no row of an audit log"),
    (lambda lines: [], "the last line is missing"),
]


@pytest.mark.parametrize(("damage", "words"), DAMAGED_FILES)
def test_a_damaged_file_is_found(damage: Callable[[list[str]], list[str]], words: str):
    with pytest.raises(ChainError, match=f"log: {words}"):
        list(rows_of(damage(list(lines_of(rows()))), "log"))


@pytest.mark.parametrize("text", ["", "7", "7:", "x:" + "0" * 64, "7:" + "g" * 64, "7:" + "0" * 63])
def test_a_head_is_a_number_and_a_hash(text: str):
    with pytest.raises(ValueError, match=r"is no number and hash|invalid literal"):
        head_of(text)


def test_the_hash_covers_every_column_that_a_writer_sets():
    row = rows(1)[0]
    for name in WRITTEN:
        assert hash_of({**row, name: 9 if name == "status" else "x"}) != row["hash"], name


def test_values_are_cut_to_what_the_database_can_hold():
    row = Row(event="call", call_id="c", server="s", subject="a\0b\ud800", name="n" * 9_999)
    values = dict(zip(WRITTEN, row.values(), strict=True))
    assert values["subject"] == "a\ufffdb?"
    assert values["name"] == "n" * (LONGEST - 1) + "…"


def test_no_text_can_move_to_the_next_column_without_another_hash():
    row = rows(1)[0]
    assert hash_of({**row, "subject": "a,b", "client_id": "c"}) != hash_of(
        {**row, "subject": "a", "client_id": "b,c"}
    )
    assert hash_of({**row, "subject": None}) != hash_of({**row, "subject": "-"})
