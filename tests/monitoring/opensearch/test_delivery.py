"""Collectors and the forwarder of a stack bring each line to OpenSearch, once."""

from __future__ import annotations

import json
import os
import time
from pathlib import Path
from typing import Final

from components.observability.log_pipeline import LARGEST_BATCH
from tests.harness.canaries import Canary, leaks
from tests.harness.exported_metrics import value
from tests.harness.log_collector import CollectorProcess, built
from tests.harness.opensearch import KEEPER, WRITER, LogPrograms, OpenSearch
from tests.harness.opensearch_logs import (
    LOGS,
    PLATFORM,
    SECURITY,
    STREAMS,
    log_of,
    numbered,
    numbers,
    stack,
)
from tests.harness.server import until
from tests.harness.store_answers import answering

MINUTES: Final = float(os.environ.get("SINK_AWAY_MINUTES", "0.1"))
"""How long the store is away; the fast form is 6 seconds."""
WAITS: Final = "otelcol_exporter_queue_size"
DROPPED: Final = "otelcol_exporter_send_failed_log_records"


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
