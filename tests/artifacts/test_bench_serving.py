"""The serving part of `make bench`, run end to end at a small size."""

from __future__ import annotations

import io

import pytest
from rich.console import Console

from tests.harness import programs
from tools.bench.serving import (
    CALL,
    DIRECT,
    GATEWAY,
    HEALTH,
    NGINX,
    ROUTE,
    Latency,
    Serving,
    measure,
    tables,
)

STREAMS = 100
KINDS = [NGINX, *(kind + way for kind in (HEALTH, CALL) for way in (DIRECT, GATEWAY))]
ROUTED = CALL + ROUTE


@pytest.fixture(scope="module")
def found() -> Serving:
    programs.required("nginx")
    return measure(lambda _: None, streams=STREAMS, requests=50)


@pytest.mark.slow
def test_every_stream_is_held_and_ends_whole_when_the_server_stops(found: Serving):
    assert (found.alive, found.whole) == (STREAMS, STREAMS)
    assert found.drain_seconds < 8


@pytest.mark.slow
def test_a_stream_costs_memory_in_both_programs(found: Serving):
    assert 20 < found.server_kib < 500
    assert 0 < found.nginx_kib < 500


@pytest.mark.slow
def test_every_kind_of_request_has_its_latency_and_rate(found: Serving):
    for kind in KINDS:
        latency = found.latencies[kind]
        assert 0 < latency.p50 <= latency.p95 <= latency.p99
        assert latency.rate
        assert latency.rate > 0


@pytest.mark.slow
def test_a_call_takes_longer_than_what_nginx_answers_itself(found: Serving):
    assert found.latencies[CALL + DIRECT].p50 > found.latencies[NGINX].p50
    assert 0 < found.client_ms < found.latencies[CALL + DIRECT].p50


@pytest.mark.slow
def test_the_bench_tables_show_what_was_measured(found: Serving):
    tables_show_ratios_first(found)


def test_the_bench_tables_show_ratios_first():
    """Of made-up latencies; those that are measured are in the slow tier."""
    latencies = {kind: Latency.of(kind, [0.001, 0.002, 0.004], 300) for kind in (*KINDS, ROUTED)}
    made_up = Serving(
        latencies=latencies,
        client_ms=0.5,
        streams=100,
        alive=100,
        whole=99,
        server_kib=123.4,
        nginx_kib=56.7,
        drain_seconds=1.5,
    )
    tables_show_ratios_first(made_up)


def tables_show_ratios_first(found: Serving) -> None:
    written = io.StringIO()
    Console(file=written, width=200).print(*tables(found))
    text = written.getvalue()
    assert text.index("× nginx") < text.index("p50 ms")
    assert f"{found.server_kib:.0f}" in text
