"""One federated call through real processes is one trace, in the collector and in every log."""

from __future__ import annotations

import time
from collections.abc import Generator

import pytest

from components.observability.trace_collector_config import TraceSampling
from tests.harness.server import until
from tests.harness.trace_collector import Recorded
from tests.harness.traced_platform import TracedPlatform, traced_platform

TRACE, CALLER = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
SECRET = "text-that-no-span-may-hold"
SERVER, CLIENT, INTERNAL = 2, 3, 1


@pytest.fixture(scope="module")
def platform(tmp_path_factory: pytest.TempPathFactory) -> Generator[TracedPlatform]:
    with traced_platform(tmp_path_factory) as running:
        yield running


def one(spans: list[Recorded], service: str, name: str) -> Recorded:
    (found,) = [s for s in spans if (s.service, s.name) == (service, name)]
    return found


async def test_a_federated_call_is_one_trace(platform: TracedPlatform):
    with platform.start_collector("all", TraceSampling(sampled_percent=100)) as collector:
        said = await platform.call(
            "legacy",
            "notes__remember",
            {"name": "plan", "text": SECRET},
            traceparent=f"00-{TRACE}-{CALLER}-00",
            tracestate="vendor=1",
        )
        assert said == "remembered plan"
        time.sleep(3)
        collector.stop()
        spans = [span for span in collector.spans() if span.trace == TRACE]
        assert SECRET not in collector.file.read_text()
        assert platform.issuer.token() not in collector.file.read_text()
    call = one(spans, "front", "tools/call notes__remember")
    by_id = {span.span: span for span in spans}
    # From the call up to the client.
    request = by_id[call.parent]
    gateway = by_id[request.parent]
    assert (request.service, request.name, request.kind) == ("front", "POST /mcp", SERVER)
    assert (gateway.service, gateway.name, gateway.kind) == ("gateway", "POST /mcp", SERVER)
    assert gateway.parent == CALLER
    # From the call down to the database.
    (sent,) = [s for s in spans if s.parent == call.span and s.name == "tools/call notes"]
    assert (sent.service, sent.kind) == ("front", CLIENT)
    assert sent.attributes["gen_ai.tool.name"] == "remember"
    (received,) = [s for s in spans if s.parent == sent.span]
    assert (received.service, received.name) == ("notes", "POST /mcp")
    (run,) = [s for s in spans if s.parent == received.span and s.name.startswith("tools/call")]
    assert run.name == "tools/call remember"
    assert run.attributes["gen_ai.tool.name"] == "remember"
    (written,) = [s for s in spans if s.parent == run.span]
    assert (written.name, written.kind) == ("INSERT memories", CLIENT)
    assert written.attributes["db.system.name"] == "postgresql"
    # Beside the call: tokens of both servers, and the session of the legacy client in Valkey.
    for near in (request, received):
        assert [s.name for s in spans if s.parent == near.span].count("check token") == 1
    cache = [s for s in spans if s.parent == request.span and s.name in {"HGETALL", "EVALSHA"}]
    assert {s.attributes["db.system.name"] for s in cache} == {"valkey"}
    # Every span has a parent in the trace, but those of the gateway, whose parent is the client.
    assert {s.parent for s in spans if s.parent not in by_id} == {CALLER}
    assert {s.service for s in spans if s.parent == CALLER} == {"gateway"}
    # The logs have the ids of the spans.
    (line,) = [e for e in platform.access_log() if e["span_id"] == gateway.span]
    assert (line["trace_id"], line["parent_span_id"]) == (TRACE, CALLER)
    (front,) = [e for e in platform.front.events("request") if e["span_id"] == request.span]
    assert (front["trace_id"], front["parent_span_id"]) == (TRACE, gateway.span)
    (notes,) = [e for e in platform.notes.events("request") if e["span_id"] == received.span]
    assert (notes["trace_id"], notes["parent_span_id"]) == (TRACE, sent.span)
    assert line["request_id"] == front["request_id"] == notes["request_id"]


def test_the_gateway_starts_a_trace_where_the_client_has_none(platform: TracedPlatform):
    with platform.start_collector("started", TraceSampling(sampled_percent=100)) as collector:
        before = len(platform.access_log())
        for wrong in ({}, {"traceparent": f"00-{'0' * 32}-{CALLER}-01", "tracestate": "a=1"}):
            assert platform.post("echo", {"text": "a"}, **wrong).status_code == 200
        lines = platform.access_log()[before:]
        time.sleep(2)
        collector.stop()
        spans = collector.spans()
    for line in lines:
        assert line["trace_id"] == line["request_id"]
        (gateway,) = [s for s in spans if s.trace == line["trace_id"] and not s.parent]
        assert (gateway.service, gateway.span) == ("gateway", line["span_id"])
        (call,) = [s for s in spans if s.trace == line["trace_id"] and "echo" in s.name]
        assert call.service == "front"


def test_errors_and_slow_calls_are_kept_and_a_share_of_the_others(platform: TracedPlatform):
    sampling = TraceSampling(sampled_percent=0, slow_seconds=0.7)
    with platform.start_collector("sampled", sampling) as collector:
        for _ in range(20):
            platform.post("echo", {"text": "fast"})
        assert "isError" in platform.post("fail", {"reason": "made up"}).text
        platform.post("wait", {"seconds": 1})
        time.sleep(5)
        collector.stop()
        spans = collector.spans()
    assert {s.name for s in spans if s.name.startswith("tools/call")} == {
        "tools/call fail",
        "tools/call wait",
    }
    # Whole traces: the gateway's span as well.
    kept = {s.trace for s in spans}
    assert {s.trace for s in spans if s.service == "gateway"} == kept
    assert len(kept) == 2


def test_about_the_configured_share_of_fast_calls_is_kept(platform: TracedPlatform):
    sampling = TraceSampling(sampled_percent=50, slow_seconds=60)
    with platform.start_collector("share", sampling) as collector:
        for _ in range(100):
            platform.post("echo", {"text": "fast"})
        time.sleep(5)
        collector.stop()
        kept = {s.trace for s in collector.spans()}
    # Binomial: 24 of 100 or fewer, or 76 and more, happens once in five million runs.
    assert 24 < len(kept) < 76


def test_a_collector_that_is_away_slows_no_call_and_fails_none(platform: TracedPlatform):
    def times() -> list[float]:
        found: list[float] = []
        for _ in range(40):
            started = time.perf_counter()
            answer = platform.post("notes__echo", {"text": "a"})
            found.append(time.perf_counter() - started)
            assert answer.status_code == 200
            assert 'isError":true' not in answer.text
        return sorted(found)

    with platform.start_collector("there", TraceSampling()):
        there = times()
    before = platform.front.metric("mcp_spans_total", outcome="failed")
    away = times()
    until(lambda: platform.front.metric("mcp_spans_total", outcome="failed") > before, 20)
    # None waits for an attempt to send, which has two seconds. The faster half is compared: a
    # machine that does something else slows single calls.
    assert away[-1] < 2
    assert sum(away[:20]) < 2 * sum(there[:20]) + 0.4
