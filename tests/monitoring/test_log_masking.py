"""The collector masks secrets and personal data; a long line or one of several rows stays whole."""

from __future__ import annotations

import contextlib
import json
import re
from collections.abc import Generator
from pathlib import Path
from typing import Any

import pytest

from components.observability.log_fields import LogMasking
from runtime.log_export import record_of
from tests.harness.canaries import leaks
from tests.harness.collected_logs import PLATFORM, collector, stored
from tests.harness.leaking_lines import LEAKING, PERSONAL, READABLE, SECRET
from tests.harness.log_collector import collecting
from tests.harness.server import until


@pytest.fixture(scope="module")
def leaking(tmp_path_factory: pytest.TempPathFactory) -> Generator[list[dict[str, str]]]:
    with collecting(tmp_path_factory.mktemp("leaking"), collector()) as (reader, store):
        reader.file(PLATFORM, "notes-5d8f7b9c4-x2k9q", "server").write("\n".join(LEAKING))
        until(lambda: stored(store) >= len(LEAKING), 60)
        yield [*store.documents(0), *store.documents(1)]


def test_secrets_and_personal_data_in_lines_are_masked(leaking: list[dict[str, str]]):
    every = json.dumps(leaking)
    assert len(leaking) == len(LEAKING)
    assert leaks([SECRET], {"the store": every}) == []
    assert [one for one in PERSONAL if one in every] == []


def test_what_is_left_of_a_masked_line_can_be_read(leaking: list[dict[str, str]]):
    messages = {one["_msg"] for one in leaking}
    assert "login of <e-mail> from 203.0.113.0" in messages
    assert "connecting to postgres://<credentials>@db.example.com/app" in messages
    (request,) = [one for one in leaking if one["_msg"] == "request"]
    assert re.fullmatch("[0-9a-f]{16}", request["subject"])


def test_copies_of_a_server_in_a_cloud_are_masked_as_its_lines_in_a_cluster(
    leaking: list[dict[str, str]],
):
    collected = [{key: str(value) for key, value in one.items()} for one in leaking]
    for text in LEAKING:
        if text.startswith("2026-"):
            continue  # of PostgreSQL: the collector takes its message out
        parsed: dict[str, Any] = {"event": text}
        with contextlib.suppress(ValueError):
            parsed = json.loads(text)
        record = record_of({"level": "info", **parsed})
        attributes = {key: str(value) for key, value in (record.attributes or {}).items()}
        if parsed["event"] == text:
            del attributes["event"]
        same = {"_msg": record.body, **attributes}.items()
        assert [one for one in collected if same <= one.items()], same


def test_lines_without_secrets_stay_as_they_are(tmp_path: Path):
    with collecting(tmp_path, collector()) as (reader, store):
        file = reader.file(PLATFORM, "notes-5d8f7b9c4-x2k9q", "server")
        file.write("\n".join(READABLE) + "\n")
        until(lambda: stored(store) == len(READABLE), 60)
        assert {one["_msg"] for one in store.documents()} == {*READABLE}


@pytest.mark.parametrize(
    ("masking", "line"),
    [
        (LogMasking(addresses="keep"), "from 203.0.113.77 and 2001:db8:aaaa:bbbb::77"),
        (LogMasking(addresses="network"), "from 203.0.113.0 and 2001:db8::"),
        (LogMasking(addresses="drop"), "from <address> and <address>"),
    ],
)
def test_addresses_are_masked_as_configured(masking: LogMasking, line: str, tmp_path: Path):
    with collecting(tmp_path, collector(masking)) as (reader, store):
        file = reader.file(PLATFORM, "notes-5d8f7b9c4-x2k9q", "server")
        file.write("from 203.0.113.77 and 2001:db8:aaaa:bbbb::77\n")
        until(lambda: stored(store) == 1, 60)
        assert [one["_msg"] for one in store.documents()] == [line]


def test_lines_of_several_rows_and_long_lines_are_one_document(tmp_path: Path):
    trace = 'Traceback (most recent call last):\n  File "a.py", line 1\nValueError: bad'
    long = "x" * 100_000
    with collecting(tmp_path, collector()) as (reader, store):
        file = reader.file(PLATFORM, "notes-5d8f7b9c4-x2k9q", "server")
        file.write(f"{trace}\nnext\n{long}\n")
        until(lambda: stored(store) == 3, 60)
        assert {one["_msg"] for one in store.documents()} == {trace, "next", long}
