"""Collectors, the forwarder and the retention of a stack work with a real OpenSearch.

The two users have the roles of the documentation, and no other.
"""

from __future__ import annotations

import json
import os
import re
import time
from collections.abc import Generator, Mapping
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final

import httpx2
import pytest

from components.mcp.metrics import exported_by
from components.observability.log_pipeline import LARGEST_BATCH
from graph.resource_graph import ResourceGraph
from tests.harness.apiserver import ROOT
from tests.harness.canaries import Canary, leaks
from tests.harness.certificates import Authority
from tests.harness.exported_metrics import listed, scraped, value
from tests.harness.log_collector import CollectorProcess, LogFile, built
from tests.harness.opensearch import KEEPER, WRITER, LogPrograms, OpenSearch, running
from tests.harness.server import until
from tests.harness.store_answers import answering
from tests.harness.user_servers import NETWORK, recorded

PLATFORM: Final = "qudag-mcp-dev"
LOGS, SECURITY = STREAMS = ("qudag-mcp-logs", "qudag-mcp-security")
MINUTES: Final = float(os.environ.get("SINK_AWAY_MINUTES", "0.1"))
"""How long the store is away; the fast form is 6 seconds."""
DAYS: Final = 90
"""S3, "Log Aggregation": Log Retention: 90 days."""
WAITS: Final = "otelcol_exporter_queue_size"
DROPPED: Final = "otelcol_exporter_send_failed_log_records"


@cache
def stack() -> ResourceGraph:
    """A stack that sends its lines to OpenSearch."""
    ca = {"secret": "log-writer", "key": "ca.crt"}
    sink = {
        "kind": "opensearch",
        "url": "https://search.example.com:9200",
        "networks": ["192.0.2.0/24"],
        "user": WRITER[0],
        "password": {"secret": "log-writer", "key": "password"},
        "ca": ca,
        "retention": {
            "user": KEEPER[0],
            "password": {"secret": "log-retention", "key": "password"},
        },
    }
    logs = {"sink": sink}
    return recorded({"topology": "monolith", "network": NETWORK, "observability": {"logs": logs}})


def roles() -> list[dict[str, Any]]:
    """The role of the forwarder, and that of the retention, as the documentation has them."""
    page = (ROOT / "docs/how-to/send-logs-to-opensearch.md").read_text()
    return [json.loads(block) for block in re.findall(r"```json\n(.*?)```", page, re.DOTALL)][:2]


@pytest.fixture(scope="module")
def node(tmp_path_factory: pytest.TempPathFactory) -> Generator[OpenSearch]:
    made = OpenSearch.at(tmp_path_factory.mktemp("opensearch"))
    with running(made):
        for login, role in zip((WRITER, KEEPER), roles(), strict=True):
            made.grant(login, role)
        yield made


def programs_of(store: OpenSearch, folder: Path) -> LogPrograms:
    ca = store.authority.ca_file.read_text()
    values = {
        "log-writer": {"password": WRITER[1], "ca.crt": ca},
        "log-retention": {"password": KEEPER[1]},
    }
    return LogPrograms(stack(), folder, store, values)


@pytest.fixture(scope="module")
def forwarder(
    node: OpenSearch, tmp_path_factory: pytest.TempPathFactory
) -> Generator[tuple[LogPrograms, dict[str, Any]]]:
    """The forwarder, and the templates that one run of the job has made."""
    made = programs_of(node, tmp_path_factory.mktemp("forwarder"))
    try:
        made.start()
        ran = made.retention()
        assert ran.returncode == 0, ran.stderr
        found = node.ask("GET", "_index_template/qudag-mcp-*")["index_templates"]
        yield made, {one["name"]: one["index_template"] for one in found}
    finally:
        made.stop()


@pytest.fixture
def programs(forwarder: tuple[LogPrograms, dict[str, Any]]) -> LogPrograms:
    """The forwarder, with empty data streams."""
    made, templates = forwarder
    for stream, template in templates.items():
        made.store.ask("DELETE", f"_data_stream/{stream}")
        made.store.ask("PUT", f"_index_template/{stream}", template)
        made.store.ask("PUT", f"_data_stream/{stream}")
    return made


@pytest.fixture
def store(programs: LogPrograms) -> OpenSearch:
    return programs.store


@pytest.fixture
def collector(programs: LogPrograms, tmp_path: Path) -> Generator[CollectorProcess]:
    """A collector that sends to the forwarder."""
    program = built("collector", "otelcol-contrib")
    made = CollectorProcess(program, tmp_path, stack(), programs.store.authority)
    try:
        made.start(programs.url)
        yield made
    finally:
        made.stop()


def log_of(collector: CollectorProcess) -> LogFile:
    return collector.file(PLATFORM, "mcp-server-5d8f7b9c4-x2k9q", "server")


def numbered(first: int, count: int) -> str:
    """Lines with numbers; each fifth is a security event."""
    return "\n".join(
        json.dumps({"event": "n", "number": n, "status": 401 if n % 5 == 0 else 200})
        for n in range(first, first + count)
    )


def numbers(store: OpenSearch, *streams: str) -> list[int]:
    return sorted(
        int(one["attributes"]["number"]) for stream in streams for one in store.documents(stream)
    )


def sent(programs: LogPrograms, *records: dict[str, Any], index: str = LOGS) -> httpx2.Response:
    """A request of OTLP with these records."""
    resource = {"attributes": [{"key": "log.index", "value": {"stringValue": index}}]}
    body = {"resourceLogs": [{"resource": resource, "scopeLogs": [{"logRecords": records}]}]}
    trust = programs.store.authority.trust()
    content = json.dumps(body).encode()
    return httpx2.post(f"{programs.url}/v1/logs", content=content, verify=trust, timeout=60)


def record(
    text: str, at: datetime | None = None, attributes: Mapping[str, str] = MappingProxyType({})
) -> dict[str, Any]:
    at = at or datetime.now(UTC)
    return {
        "timeUnixNano": f"{int(at.timestamp()) * 10**9 + at.microsecond * 1000 + 7}",
        "body": {"stringValue": text},
        "attributes": [
            {"key": key, "value": {"stringValue": value}} for key, value in attributes.items()
        ],
    }


def test_each_line_is_stored_once_and_security_events_only_in_their_own_index(
    collector: CollectorProcess, store: OpenSearch
):
    log_of(collector).write(numbered(0, 1000))
    until(lambda: store.count(*STREAMS) >= 1000, 60)
    assert numbers(store, SECURITY) == [n for n in range(1000) if n % 5 == 0]
    assert numbers(store, LOGS) == [n for n in range(1000) if n % 5]
    assert {one["category"] for one in store.documents(SECURITY)} == {"security"}


def test_lines_are_found_by_each_field_of_the_schema(
    collector: CollectorProcess, store: OpenSearch
):
    log_of(collector).write(
        '{"event":"called","level":"warning","tool":"forecast","request_id":"3f2a",'
        '"trace_id":"4bf92f3577b34da6a3ce929d0e0e4736","span_id":"00f067aa0ba902b7","took":3}\n'
        "another line"
    )
    until(lambda: store.count(*STREAMS) == 2, 60)
    fields = {
        "severity_text": "warn",
        "severity_number": 13,
        "service.name": "mcp-server",
        "k8s.namespace.name": PLATFORM,
        "k8s.pod.name": "mcp-server-5d8f7b9c4-x2k9q",
        "k8s.container.name": "server",
        "request_id": "3f2a",
        "trace_id": "4bf92f3577b34da6a3ce929d0e0e4736",
        "span_id": "00f067aa0ba902b7",
        "attributes.tool": "forecast",
        "attributes.took": "3",
    }
    same = {"k8s.namespace.name", "k8s.pod.name", "k8s.container.name", "service.name"}
    for name, wanted in fields.items():
        found = store.ask("POST", f"{LOGS}/_search", {"query": {"term": {name: wanted}}})
        assert found["hits"]["total"]["value"] == (2 if name in same else 1), name
    found = store.ask("POST", f"{LOGS}/_search", {"query": {"match": {"message": "another"}}})
    assert [one["_source"]["message"] for one in found["hits"]["hits"]] == ["another line"]
    within = {"range": {"@timestamp": {"gte": "now-5m", "lte": "now"}}}
    assert store.ask("POST", f"{LOGS}/_search", {"query": within})["hits"]["total"]["value"] == 2


def test_nothing_is_lost_or_doubled_while_the_store_is_away(
    collector: CollectorProcess, programs: LogPrograms, store: OpenSearch
):
    """Collector and forwarder are stopped and started again in between, as in a rollout."""
    file = log_of(collector)
    file.write(numbered(0, 500))
    until(lambda: store.count(*STREAMS) == 500, 60)
    store.stop()
    try:
        file.write(numbered(500, 1000))
        until(lambda: collector.metric(WAITS) > 0, 30)
        time.sleep(MINUTES * 30)
        collector.stop()
        assert programs.stop() == 0
        file.write(numbered(1500, 500))
        programs.start()
        collector.start(programs.url)
        time.sleep(MINUTES * 30)
        file.write(numbered(2000, 500))
    finally:
        store.start()
    until(lambda: store.count(*STREAMS) >= 2500, 120)
    until(lambda: collector.metric(WAITS) == 0, 60)
    assert numbers(store, *STREAMS) == list(range(2500))
    assert collector.metric(DROPPED) == 0


def test_the_forwarder_exports_the_metrics_of_the_list(programs: LogPrograms):
    assert programs.retention().returncode == 0
    assert sent(programs, record("line")).status_code == 200
    text = programs.metrics()
    assert scraped(text) == listed(exported_by("log_forwarder"))
    assert 0 <= value(text, "mcp_log_retention_age_seconds") < 60
    assert value(text, "mcp_log_store_up") == 1


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
    untold = other.retention()
    assert untold.returncode == 1
    assert "the forwarder was not told: ConnectError" in untold.stderr


def test_lines_wait_for_the_right_password_which_needs_no_restart(
    collector: CollectorProcess, programs: LogPrograms, store: OpenSearch
):
    programs.write_secret("log-writer", "password", "a-wrong-one")
    log_of(collector).write(numbered(0, 100))
    until(lambda: collector.metric(WAITS) > 0, 30)
    until(lambda: "401" in programs.log, 30)
    assert collector.metric(DROPPED) == 0
    assert store.count(*STREAMS) == 0
    assert value(programs.metrics(), "mcp_log_store_up") == 0
    programs.write_secret("log-writer", "password", WRITER[1])
    until(lambda: store.count(*STREAMS) >= 100, 60)
    assert numbers(store, *STREAMS) == list(range(100))
    assert WRITER[1] not in programs.log


def test_no_password_is_in_a_log_or_a_document(
    collector: CollectorProcess, programs: LogPrograms, store: OpenSearch
):
    canaries = [Canary(name, text) for name, text in (WRITER, KEEPER)]
    log_of(collector).write(f'{{"event":"login","password":"{WRITER[1]}"}}\npassword={KEEPER[1]}')
    until(lambda: store.count(LOGS) == 2, 60)
    ran = programs.retention()
    shown = {
        "forwarder": programs.log,
        "retention": ran.stdout + ran.stderr,
        "collector": collector.log,
        "documents": json.dumps(store.documents(LOGS)),
    }
    assert leaks(canaries, shown) == []


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


def test_a_line_that_the_store_refuses_for_good_is_counted_and_stops_no_others(
    collector: CollectorProcess, programs: LogPrograms, store: OpenSearch
):
    """The index of another team's template, where the message has to be a number."""
    template = store.ask("GET", f"_index_template/{LOGS}")["index_templates"][0]["index_template"]
    template["template"]["mappings"]["properties"]["message"] = {"type": "integer"}
    store.ask("PUT", f"_index_template/{LOGS}", template)
    store.ask("POST", f"{LOGS}/_rollover")
    log_of(collector).write("12\nno number\n13")
    until(lambda: collector.metric(DROPPED) >= 1, 60)
    until(lambda: store.count(LOGS) >= 2, 60)
    assert sorted(one["message"] for one in store.documents(LOGS)) == ["12", "13"]
    assert '"event": "lines_refused"' in programs.log
    assert "400 mapper_parsing_exception" in programs.log
    assert "no number" not in programs.log


def test_lines_that_are_read_at_once_are_sent_in_parts_that_the_forwarder_takes(tmp_path: Path):
    """The lines have 20 MB; a text of these is hardly longer in JSON."""
    lines = [f"{n} " + "x" * 200_000 for n in range(100)]
    program = built("collector", "otelcol-contrib")
    with answering(tmp_path) as forwarder:
        collector = CollectorProcess(program, tmp_path, stack(), forwarder.authority)
        log_of(collector).write("\n".join(lines))
        try:
            collector.start(forwarder.url)
            until(lambda: sum(len(body) for _, _, body in forwarder.asked) > 20_000_000, 60)
        finally:
            collector.stop()
    assert max(len(body) for _, _, body in forwarder.asked) < LARGEST_BATCH * 1.1


@pytest.mark.parametrize("body", [b"{", b"[]", b'{"resourceLogs":3}', b"[" * 100_000])
def test_a_request_that_is_no_otlp_is_refused(programs: LogPrograms, body: bytes):
    trust = programs.store.authority.trust()
    answer = httpx2.post(f"{programs.url}/v1/logs", content=body, verify=trust)
    assert answer.status_code == 400


def test_lines_of_another_index_are_refused(programs: LogPrograms, store: OpenSearch):
    assert sent(programs, record("line"), index="of-another-team").status_code == 400
    assert store.ask("GET", "_cat/indices/of-another-team*?format=json") == []


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


ANY: Final[dict[str, Any]] = {"index_patterns": ["*"], "template": {"settings": {}}}


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
