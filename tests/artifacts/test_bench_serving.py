"""The serving part of `make bench`, run end to end at a small size."""

from __future__ import annotations

import io

import pytest
from rich.console import Console

from tests.harness import programs
from tools.bench.serving import CALL, DIRECT, GATEWAY, HEALTH, NGINX, Serving, measure, tables

STREAMS = 100


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


@pytest.fixture(scope="module")
def small() -> Serving:
    """So small that a server and nginx are started for a second only."""
    programs.required("nginx")
    return measure(lambda _: None, streams=5, requests=10)


def test_every_kind_of_request_has_its_latency_and_rate(small: Serving):
    kinds = [NGINX, *(kind + way for kind in (HEALTH, CALL) for way in (DIRECT, GATEWAY))]
    for kind in kinds:
        latency = small.latencies[kind]
        assert 0 < latency.p50 <= latency.p95 <= latency.p99
        assert latency.rate
        assert latency.rate > 0


@pytest.mark.slow
def test_a_call_takes_longer_than_what_nginx_answers_itself(found: Serving):
    assert found.latencies[CALL + DIRECT].p50 > found.latencies[NGINX].p50
    assert 0 < found.client_ms < found.latencies[CALL + DIRECT].p50


def test_the_bench_tables_show_ratios_first(small: Serving):
    written = io.StringIO()
    Console(file=written, width=200).print(*tables(small))
    text = written.getvalue()
    assert text.index("× nginx") < text.index("p50 ms")
    assert f"{small.server_kib:.0f}" in text
