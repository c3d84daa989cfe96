"""The forwarder stores what a request of OTLP has, or refuses it so that it is sent again."""

from __future__ import annotations

from pathlib import Path

import httpx2
import pytest

from components.mcp.metrics import exported_by
from tests.harness.certificates import Authority
from tests.harness.exported_metrics import listed, scraped, value
from tests.harness.opensearch import LogPrograms, OpenSearch
from tests.harness.opensearch_logs import LOGS, STREAMS, programs_of, record, sent


def test_the_forwarder_exports_the_metrics_of_the_list(programs: LogPrograms):
    assert programs.retention().returncode == 0
    assert sent(programs, record("line")).status_code == 200
    text = programs.metrics()
    assert scraped(text) == listed(exported_by("log_forwarder"))
    assert 0 <= value(text, "mcp_log_retention_age_seconds") < 60
    assert value(text, "mcp_log_store_up") == 1


def test_lines_wait_until_the_job_has_made_the_data_streams(store: OpenSearch, tmp_path: Path):
    for stream in STREAMS:
        store.ask("DELETE", f"_data_stream/{stream}")
        store.ask("DELETE", f"_index_template/{stream}")
    programs = programs_of(store, tmp_path)
    programs.start()
    try:
        assert sent(programs, record("too early")).status_code == 503
        assert store.ask("GET", "_cat/indices/qudag*?format=json") == []
        assert programs.retention().returncode == 0
        assert sent(programs, record("in time")).status_code == 200
    finally:
        programs.stop()
    assert store.indexes(LOGS) == [f".ds-{LOGS}-000001"]
    assert [one["message"] for one in store.documents(LOGS)] == ["in time"]


def test_a_store_with_another_authority_gets_no_password_and_a_new_one_needs_no_restart(
    store: OpenSearch, tmp_path: Path
):
    programs = programs_of(store, tmp_path)
    (tmp_path / "other").mkdir()
    other = Authority.at(tmp_path / "other").ca_file.read_text()
    programs.write_secret("log-writer", "ca.crt", other)
    programs.start()
    try:
        answer = sent(programs, record("line"))
        failed = programs.retention()
        programs.write_secret("log-writer", "ca.crt", store.authority.ca_file.read_text())
        trusted = sent(programs, record("line"))
        programs.write_secret("log-writer", "ca.crt", other)
        distrusted = sent(programs, record("another line"))
    finally:
        programs.stop()
    assert answer.status_code == 503
    assert "CERTIFICATE_VERIFY_FAILED" in answer.text
    assert failed.returncode == 1
    assert "CERTIFICATE_VERIFY_FAILED" in failed.stderr
    assert (trusted.status_code, distrusted.status_code) == (200, 503)
    assert "CERTIFICATE_VERIFY_FAILED" in distrusted.text


def test_the_same_request_is_stored_once_and_equal_lines_in_it_each(
    programs: LogPrograms, store: OpenSearch
):
    same, other = record("same"), record("other")
    assert [sent(programs, same, same, other).status_code for _ in range(3)] == [200] * 3
    store.ask("POST", f"{LOGS}/_refresh")
    assert sorted(one["message"] for one in store.documents(LOGS)) == ["other", "same", "same"]


def test_no_line_is_refused_for_its_fields(programs: LogPrograms, store: OpenSearch):
    """Long values, values of changing types, keys within keys, and very many keys."""
    lines = [
        record("x" * 200_000),
        record("é" * 100_000, attributes={"long": "é" * 100_000}),
        record("a key", attributes={"a": "1"}),
        record("keys in it", attributes={"a.b": "2", "a.b.c": "3", "": "4", ".": "5"}),
        record("many", attributes={f"key{n}": str(n) for n in range(3000)}),
        record("no text \ud800 in UTF-8"),
        {"body": {"kvlistValue": {"values": [{"key": "k", "value": {"intValue": "7"}}]}}},
        {"attributes": [{"key": "a", "value": {"doubleValue": 1.5}}]},
    ]
    assert sent(programs, *lines).status_code == 200, programs.log
    assert store.count(LOGS) == len(lines)
    (long,) = [one for one in store.documents(LOGS) if "long_attributes" in one]
    assert long["long_attributes"] == {"long": "é" * 100_000}


@pytest.mark.parametrize("body", [b"{", b"[]", b'{"resourceLogs":3}', b"[" * 100_000])
def test_a_request_that_is_no_otlp_is_refused(programs: LogPrograms, body: bytes):
    trust = programs.store.authority.trust()
    answer = httpx2.post(f"{programs.url}/v1/logs", content=body, verify=trust)
    assert answer.status_code == 400


def test_lines_of_another_index_are_refused(programs: LogPrograms, store: OpenSearch):
    assert sent(programs, record("line"), index="of-another-team").status_code == 400
    assert store.ask("GET", "_cat/indices/of-another-team*?format=json") == []
