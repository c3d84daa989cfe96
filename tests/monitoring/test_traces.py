"""One federated call through real processes is one trace, in the collector and in every log."""

from __future__ import annotations

import contextlib
import json
import time
from collections.abc import Callable, Generator
from dataclasses import dataclass
from typing import Any

import httpx2
import pytest
from mcp import Client
from mcp.client.streamable_http import streamable_http_client

from components.kubernetes.gateway import GatewayMetrics
from components.mcp.traces import TraceReceiver
from components.observability.trace_collector_config import TraceSampling
from runtime.config import DatabaseSection, MigrationConfig
from runtime.schema import migrate
from tests.harness import postgres as databases
from tests.harness import valkey as caches
from tests.harness.certificates import Authority
from tests.harness.network import can_isolate, port, private_network
from tests.harness.nginx_gateway import BEHIND, NAME, gateway_pod
from tests.harness.running_pod import run_container
from tests.harness.server import MODERN, RunningServer, modern_request, serving, text_of, until
from tests.harness.tokens import Issuer
from tests.harness.trace_collector import Recorded, collecting, program

URL = "https://127.0.0.1:8443/mcp"
TRACE, CALLER = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
SECRET = "text-that-no-span-may-hold"
SERVER, CLIENT, INTERNAL = 2, 3, 1
METRICS = GatewayMetrics(
    image="ghcr.io/qudag/qudag-mcp-server:0.1.0", traces=TraceReceiver(host="localhost")
)


@dataclass
class Platform:
    """nginx and its exporter, a server that federates, and a second one with a database."""

    gateway: Any
    exporter: Any
    front: RunningServer
    notes: RunningServer
    authority: Authority
    issuer: Issuer
    start_collector: Callable[..., Any]

    def headers(self, **more: str) -> dict[str, str]:
        return {"authorization": f"Bearer {self.issuer.token()}", **more}

    async def call(self, era: str, tool: str, arguments: dict[str, Any], **headers: str) -> str:
        """Call a tool with the official client."""
        async with httpx2.AsyncClient(
            headers=self.headers(**headers), verify=self.authority.trust(), timeout=30
        ) as http:
            transport = streamable_http_client(URL, http_client=http)
            async with Client(transport, mode=MODERN if era == "modern" else era) as client:
                return text_of(await client.call_tool(tool, arguments))

    def post(self, tool: str, arguments: dict[str, Any], **headers: str) -> httpx2.Response:
        """Call a tool with one request."""
        sent = {
            "accept": "application/json, text/event-stream",
            "mcp-protocol-version": MODERN,
            "mcp-method": "tools/call",
            "mcp-name": tool,
        }
        return httpx2.post(
            URL,
            json=modern_request("tools/call", name=tool, arguments=arguments),
            headers=self.headers(**sent, **headers),
            verify=self.authority.trust(),
            timeout=30,
        )

    def access_log(self) -> list[dict[str, Any]]:
        lines = self.gateway.log.splitlines()
        return [json.loads(line) for line in lines if line.startswith("{")]


@pytest.fixture(scope="module")
def platform(tmp_path_factory: pytest.TempPathFactory) -> Generator[Platform]:
    """The processes; what they send spans to is started by each test."""
    program()
    if not can_isolate():
        pytest.skip("it needs a network of its own: run as root on Linux")
    directory = tmp_path_factory.mktemp("traces")
    authority = Authority.at(tmp_path_factory.mktemp("authority"))
    issuer = Issuer.at(tmp_path_factory.mktemp("issuer"))
    traces = {
        "endpoint": "https://localhost:4318/v1/traces",
        "ca_file": str(authority.ca_file),
        "timeout_seconds": 2,
    }
    certificate, key = authority.issue("core", [NAME])
    with contextlib.ExitStack() as stack:
        stack.enter_context(private_network())
        database = stack.enter_context(databases.postgres())
        migrate(MigrationConfig(database=DatabaseSection.model_validate(database.section())), 20)
        cache = stack.enter_context(caches.running(directory / "valkey", authority))
        notes = stack.enter_context(
            serving(
                directory,
                issuer,
                server={"name": "notes", "role": "core"},
                database=database.section(),
                traces=traces,
            )
        )
        front = stack.enter_context(
            serving(
                directory,
                issuer,
                authority.trust(),
                server={
                    "name": "front",
                    "tls_port": port(BEHIND),
                    "tls_cert": str(certificate),
                    "tls_key": str(key),
                },
                redis=cache.section(),
                state={"kind": "valkey"},
                tool_servers=[{"name": "notes", "url": f"{notes.base}/mcp"}],
                traces=traces,
            )
        )
        pod = gateway_pod(directory, authority, metrics=METRICS)
        exporter = stack.enter_context(run_container(pod, "gateway-metrics"))
        until(_exports, 20)
        gateway = stack.enter_context(run_container(pod, "gateway"))
        until(lambda: _answers(authority), 20)

        def start(name: str, sampling: TraceSampling) -> Any:
            return collecting(directory / name, authority, sampling)

        yield Platform(gateway, exporter, front, notes, authority, issuer, start)


def _exports() -> bool:
    with contextlib.suppress(httpx2.TransportError):
        return "mcp_spans_total" in httpx2.get("http://127.0.0.1:9090/metrics").text
    return False


def _answers(authority: Authority) -> bool:
    with contextlib.suppress(httpx2.TransportError):
        return httpx2.get(f"{URL}/../health", verify=authority.trust()).status_code == 200
    return False


def one(spans: list[Recorded], service: str, name: str) -> Recorded:
    (found,) = [s for s in spans if (s.service, s.name) == (service, name)]
    return found


async def test_a_federated_call_is_one_trace(platform: Platform):
    with platform.start_collector("all", TraceSampling(percent=100)) as collector:
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


def test_the_gateway_starts_a_trace_where_the_client_has_none(platform: Platform):
    with platform.start_collector("started", TraceSampling(percent=100)) as collector:
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


def test_errors_and_slow_calls_are_kept_and_a_share_of_the_others(platform: Platform):
    sampling = TraceSampling(percent=0, slow_seconds=0.7)
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


def test_about_the_configured_share_of_fast_calls_is_kept(platform: Platform):
    with platform.start_collector("share", TraceSampling(percent=50, slow_seconds=60)) as collector:
        for _ in range(100):
            platform.post("echo", {"text": "fast"})
        time.sleep(5)
        collector.stop()
        kept = {s.trace for s in collector.spans()}
    # Binomial: 24 of 100 or fewer, or 76 and more, happens once in five million runs.
    assert 24 < len(kept) < 76


def test_a_collector_that_is_away_slows_no_call_and_fails_none(platform: Platform):
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
