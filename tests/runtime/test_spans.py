"""The spans of a server: names, parents and attributes, and nothing that a client has sent."""

from __future__ import annotations

from contextlib import AsyncExitStack
from typing import Any

import httpx2
import pytest
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SpanExportResult
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import SpanKind, StatusCode

from runtime import tracing
from runtime.application import application
from runtime.config import Config
from runtime.database_pool import operation_of
from runtime.memories_table import LIST, WRITE
from runtime.queue_limit import QueueLimit
from runtime.span_export import BoundedProcessor
from runtime.traces_config import TracesSection
from tests.harness.server import MODERN, modern_request, settings
from tests.harness.tokens import Issuer

TRACE, CALLER = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
SECRET = "argument-that-no-span-may-hold"
ENDPOINT = {"endpoint": "https://collector.test:4318/v1/traces"}


async def called(issuer: Issuer, *requests: dict[str, Any], token: str = "") -> None:
    """Send requests to a server of one process, with their headers in `_headers`."""
    app = application(Config.model_validate(settings(issuer, traces=ENDPOINT))).public
    async with AsyncExitStack() as stack:
        await stack.enter_async_context(app.router.lifespan_context(app))
        client = httpx2.AsyncClient(
            transport=httpx2.ASGITransport(app), base_url="http://localhost"
        )
        await stack.enter_async_context(client)
        for request in requests:
            body = dict(request)
            more: dict[str, str] = body.pop("_headers", {})
            named = body["params"].get("name")
            headers = {
                "authorization": f"Bearer {token or issuer.token()}",
                "accept": "application/json, text/event-stream",
                "mcp-protocol-version": MODERN,
                "mcp-method": body["method"],
                **({"mcp-name": named} if named else {}),
                **more,
            }
            await client.post("/mcp", json=body, headers=headers)


def named(spans: InMemorySpanExporter) -> dict[str, ReadableSpan]:
    return {span.name: span for span in spans.get_finished_spans()}


def attributes(span: ReadableSpan) -> dict[str, Any]:
    return dict(span.attributes or {})


def echo(**headers: str) -> dict[str, Any]:
    return {
        **modern_request("tools/call", name="echo", arguments={"text": SECRET}),
        "_headers": headers,
    }


async def test_a_call_has_spans_of_its_request_token_and_tool(
    issuer: Issuer, spans: InMemorySpanExporter
):
    await called(issuer, echo(traceparent=f"00-{TRACE}-{CALLER}-00"))
    found = named(spans)
    assert set(found) == {"POST /mcp", "check token", "tools/call echo", "read issuer keys"}
    request, call = found["POST /mcp"], found["tools/call echo"]
    assert request.parent is not None
    assert (request.parent.trace_id, request.parent.span_id) == (int(TRACE, 16), int(CALLER, 16))
    assert call.parent == request.context
    assert found["check token"].parent == request.context
    assert found["read issuer keys"].parent == found["check token"].context
    assert {span.context.trace_id for span in found.values() if span.context} == {int(TRACE, 16)}
    assert (request.kind, call.kind) == (SpanKind.SERVER, SpanKind.SERVER)
    assert attributes(request)["http.response.status_code"] == 200
    assert attributes(call) == {
        "mcp.method.name": "tools/call",
        "mcp.protocol.version": MODERN,
        "gen_ai.operation.name": "execute_tool",
        "gen_ai.tool.name": "echo",
    }


@pytest.mark.slow
async def test_an_error_of_a_tool_is_an_error_of_its_span(
    issuer: Issuer, spans: InMemorySpanExporter
):
    await called(issuer, modern_request("tools/call", name="fail", arguments={"reason": SECRET}))
    call = named(spans)["tools/call fail"]
    assert call.status.status_code is StatusCode.ERROR
    assert attributes(call)["error.type"] == "tool_error"


@pytest.mark.parametrize("method", ["tools/call", "prompts/get", SECRET])
@pytest.mark.slow
async def test_a_name_that_a_client_has_made_up_is_in_no_span(
    issuer: Issuer, spans: InMemorySpanExporter, method: str
):
    request = modern_request(method, name=SECRET, arguments={SECRET: SECRET})
    request["params"]["_meta"]["io.example/more"] = SECRET
    await called(issuer, request, echo(tracestate=f"a={SECRET}", **{"x-more": SECRET}))
    written = "".join(span.to_json() for span in spans.get_finished_spans())
    assert SECRET not in written
    assert issuer.token() not in written
    assert "ada" not in {str(v) for s in spans.get_finished_spans() for v in attributes(s).values()}


@pytest.mark.slow
async def test_a_refused_token_is_an_error_of_its_check(
    issuer: Issuer, spans: InMemorySpanExporter
):
    await called(issuer, echo(), token="forged")
    check = named(spans)["check token"]
    assert attributes(check)["error.type"] == "401"
    # An answer of 4xx is no error of a server (OpenTelemetry's conventions for HTTP).
    assert named(spans)["POST /mcp"].status.status_code is StatusCode.UNSET


@pytest.mark.slow
async def test_a_trace_in_meta_is_linked_and_never_the_parent(
    issuer: Issuer, spans: InMemorySpanExporter
):
    request = echo(traceparent=f"00-{TRACE}-{CALLER}-01")
    request["params"]["_meta"]["traceparent"] = f"00-{'a' * 32}-{'b' * 16}-01"
    await called(issuer, request)
    call = named(spans)["tools/call echo"]
    assert call.context is not None
    assert call.context.trace_id == int(TRACE, 16)
    assert [link.context.trace_id for link in call.links] == [int("a" * 32, 16)]


@pytest.mark.slow
async def test_metrics_name_the_trace_of_a_call(issuer: Issuer, spans: InMemorySpanExporter):
    config = Config.model_validate(settings(issuer, traces=ENDPOINT))
    parts = application(config)
    async with AsyncExitStack() as stack:
        await stack.enter_async_context(parts.public.router.lifespan_context(parts.public))
        clients = [
            await stack.enter_async_context(
                httpx2.AsyncClient(transport=httpx2.ASGITransport(one), base_url="http://localhost")
            )
            for one in (parts.public, parts.metrics)
        ]
        headers = {
            "authorization": f"Bearer {issuer.token()}",
            "accept": "application/json, text/event-stream",
            "mcp-protocol-version": MODERN,
            "mcp-method": "tools/call",
            "mcp-name": "echo",
            "traceparent": f"00-{TRACE}-{CALLER}-01",
        }
        await clients[0].post("/mcp", json=echo() | {"_headers": None}, headers=headers)
        asked = {"accept": "application/openmetrics-text;version=1.0.0,text/plain;q=0.5"}
        text = (await clients[1].get("/metrics", headers=asked)).text
        plain = (await clients[1].get("/metrics")).text
    lines = [line for line in text.splitlines() if TRACE in line]
    assert any(line.startswith("mcp_tool_duration_seconds_bucket") for line in lines)
    assert any(line.startswith("mcp_request_duration_seconds_bucket") for line in lines)
    operation = 'mcp_server_operation_duration_seconds_bucket{error_type="",gen_ai_tool_name="echo"'
    assert any(line.startswith(operation) for line in lines)
    assert text.endswith("# EOF\n")
    assert "_created" not in text
    assert TRACE not in plain


@pytest.mark.slow
async def test_a_stream_without_an_end_has_no_spans(issuer: Issuer, spans: InMemorySpanExporter):
    await called(issuer, modern_request("subscriptions/listen", notifications={}), token="forged")
    assert not spans.get_finished_spans()


def test_nothing_is_entered_where_no_spans_are_made():
    assert tracing.span("one") is tracing.client_span("two")
    assert tracing.traceparent() is None


@pytest.mark.parametrize(
    ("statement", "expected"),
    [(WRITE, ("INSERT", "memories")), (LIST, ("SELECT", "memories")), ("SHOW x", ("SHOW", ""))],
)
def test_a_statement_is_named_by_its_operation_and_table(statement: str, expected: tuple[str, str]):
    assert operation_of(statement) == expected


class Stuck(InMemorySpanExporter):
    """Takes no spans."""

    def export(self, spans: Any) -> SpanExportResult:
        return SpanExportResult.FAILURE


def test_spans_above_the_queue_are_dropped_and_counted():
    counts: dict[str, int] = {}

    def count(outcome: str, number: int) -> None:
        counts[outcome] = counts.get(outcome, 0) + number

    limit = QueueLimit(512, count)
    processor = BoundedProcessor(Stuck(), limit)
    provider = TracerProvider(shutdown_on_exit=False)
    provider.add_span_processor(processor)
    tracer = provider.get_tracer("test")
    export = limit.export
    limit.export = lambda export, batch, success: SpanExportResult.FAILURE  # nothing is taken
    try:
        for _ in range(600):
            tracer.start_span("one").end()
        assert counts["dropped"] == 600 - 512
    finally:
        limit.export = export
        provider.shutdown()


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"endpoint": "collector:4318"}, "endpoint"),
        ({"endpoint": "https://user@collector:4318/v1/traces"}, "endpoint"),
        ({"endpoint": "https://collector:4318"}, "endpoint"),
        ({"endpoint": "https://collector:4318/v1/traces?key=a"}, "endpoint"),
        ({"endpoint": "http://collector:4318/v1/traces", "ca_file": "/ca.crt"}, "ca_file"),
        ({**ENDPOINT, "queue": 10}, "queue"),
        ({**ENDPOINT, "timeout_seconds": 0}, "timeout_seconds"),
    ],
)
def test_a_wrong_section_is_refused(wrong: dict[str, Any], said: str):
    with pytest.raises(ValueError, match=said):
        TracesSection.model_validate(wrong)
