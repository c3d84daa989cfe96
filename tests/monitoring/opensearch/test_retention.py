"""The job that deletes old indexes and begins new ones, and the rights of both logins."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

import httpx2
import pytest

from tests.harness.opensearch import KEEPER, WRITER, LogPrograms, OpenSearch
from tests.harness.opensearch_logs import LOGS, STREAMS, programs_of, record, roles, sent

DAYS: Final = 90
"""S3, "Log Aggregation": Log Retention: 90 days."""
ANY: Final[dict[str, Any]] = {"index_patterns": ["*"], "template": {"settings": {}}}


def test_a_run_of_the_job_that_fails_is_not_the_last_one_that_succeeded(
    programs: LogPrograms, tmp_path: Path
):
    other = programs_of(programs.store, tmp_path)
    other.start()
    try:
        other.write_secret("log-retention", "password", "a-wrong-one")
        assert other.retention().returncode == 1
        assert "mcp_log_retention_age_seconds " not in other.metrics()
        other.write_secret("log-retention", "password", KEEPER[1])
        assert other.retention().returncode == 0
        assert "mcp_log_retention_age_seconds " in other.metrics()
    finally:
        other.stop()
    unreported = other.retention()
    assert unreported.returncode == 1
    assert "the run could not be reported to log-forwarder: ConnectError" in unreported.stderr


def test_the_job_changes_nothing_when_nothing_is_due(programs: LogPrograms, store: OpenSearch):
    before = store.ask("GET", "_data_stream/qudag*")
    ran = programs.retention()
    assert (ran.returncode, ran.stdout) == (0, "")
    assert store.ask("GET", "_data_stream/qudag*") == before
    assert {one["name"] for one in before["data_streams"]} == set(STREAMS)


def test_an_index_is_deleted_when_its_newest_line_is_older_than_90_days(
    programs: LogPrograms, store: OpenSearch
):
    """Three indexes of the past and one that is written to, in both data streams."""
    now = datetime.now(UTC)
    for stream in STREAMS:
        for days in (DAYS + 1, DAYS + 0.01, DAYS - 0.01):
            line = record(f"{days}", now - timedelta(days=days))
            oldest = record("oldest", now - timedelta(days=200))
            assert sent(programs, line, oldest, index=stream).status_code == 200
            store.ask("POST", f"{stream}/_refresh")
            store.ask("POST", f"{stream}/_rollover")
        assert sent(programs, record("written to"), index=stream).status_code == 200
    ran = programs.retention()
    assert ran.returncode == 0, ran.stderr
    for stream in STREAMS:
        kept = {one["message"] for one in store.documents(stream)}
        assert kept == {f"{DAYS - 0.01}", "oldest", "written to"}
        assert store.indexes(stream) == [f".ds-{stream}-00000{n}" for n in (3, 4)]


def test_a_new_index_begins_with_a_new_mapping_and_no_other_run_begins_one(
    programs: LogPrograms, store: OpenSearch
):
    template = store.ask("GET", f"_index_template/{LOGS}")["index_templates"][0]["index_template"]
    template["_meta"]["digest"] = "of an older version"
    store.ask("PUT", f"_index_template/{LOGS}", template)
    assert sent(programs, record("before")).status_code == 200
    assert programs.retention().returncode == 0
    assert store.indexes(LOGS) == [f".ds-{LOGS}-00000{n}" for n in (1, 2)]
    assert programs.retention().stdout == ""


def test_a_new_mapping_whose_index_could_not_begin_is_tried_again_by_the_next_run(
    programs: LogPrograms, store: OpenSearch
):
    template = store.ask("GET", f"_index_template/{LOGS}")["index_templates"][0]["index_template"]
    template["_meta"]["digest"] = "of an older version"
    store.ask("PUT", f"_index_template/{LOGS}", template)
    assert sent(programs, record("before")).status_code == 200
    _, role = roles()
    denied = json.loads(json.dumps(role).replace("indices:admin/rollover", "indices:admin/get"))
    store.grant(KEEPER, denied)
    try:
        failed = programs.retention()
    finally:
        store.grant(KEEPER, role)
    assert failed.returncode == 1
    assert "_rollover: 403" in failed.stderr
    assert store.indexes(LOGS) == [f".ds-{LOGS}-000001"]
    assert programs.retention().returncode == 0
    assert store.indexes(LOGS) == [f".ds-{LOGS}-00000{n}" for n in (1, 2)]
    assert programs.retention().stdout == ""


@pytest.mark.parametrize(
    ("login", "method", "path", "body"),
    [
        (WRITER, "DELETE", f"_data_stream/{LOGS}", None),
        (WRITER, "DELETE", f".ds-{LOGS}-000001", None),
        (WRITER, "POST", f"{LOGS}/_search", {}),
        (WRITER, "POST", f"{LOGS}/_rollover", {}),
        (WRITER, "PUT", f"_index_template/{LOGS}", ANY),
        (WRITER, "POST", "of-another-team/_doc", {"a": 1}),
        (KEEPER, "POST", f"{LOGS}/_doc", {"@timestamp": "2026-11-29T00:00:00Z"}),
        (KEEPER, "DELETE", "of-another-team", None),
        (KEEPER, "POST", "of-another-team/_search", {}),
        (KEEPER, "GET", "_plugins/_security/api/internalusers", None),
    ],
)
def test_neither_login_may_do_more_than_its_program_needs(
    programs: LogPrograms, login: tuple[str, str], method: str, path: str, body: Any
):
    store = programs.store
    answer = httpx2.request(
        method, f"{store.url}/{path}", json=body, auth=login, verify=store.authority.trust()
    )
    assert answer.status_code == 403, answer.text
