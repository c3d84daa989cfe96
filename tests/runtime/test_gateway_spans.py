"""The gateway's spans, from lines in the form in which nginx sends them."""

from __future__ import annotations

from typing import Any

import pytest
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan, SpanProcessor
from opentelemetry.trace import StatusCode

from runtime.gateway_metrics import GatewayMetrics
from runtime.gateway_spans import span_maker

TRACE, SPAN, PARENT = "4bf92f3577b34da6a3ce929d0e0e4736", "53ce929d0e0e4736", "00f067aa0ba902b7"
REQUEST = "53ce929d0e0e47360000000000000001"


class Kept(SpanProcessor):
    """Keeps what it is given."""

    def __init__(self) -> None:
        self.spans: list[ReadableSpan] = []

    def on_end(self, span: ReadableSpan) -> None:
        self.spans.append(span)


def line(
    route: str = "/mcp",
    kind: str = "request",
    status: str = "200",
    rate: str = "PASSED",
    parent: str = PARENT,
    method: str = "tools/call",
) -> str:
    ids = f"<1700000002.500 {TRACE} {SPAN} {parent} {REQUEST} {method}>"
    start = "<190>Nov 29 09:00:00 gateway: "
    return f"{start}{route} {kind} POST {status} 0.250 {ids} {rate} - 200"


def made(*lines: str) -> list[ReadableSpan]:
    metrics, kept = GatewayMetrics(lambda: ""), Kept()
    metrics.add_span = span_maker(kept, Resource({"service.name": "gateway"}))
    for one in lines:
        metrics.count(one)
    assert metrics.registry.get_sample_value("mcp_gateway_lost_lines_total") == 0
    return kept.spans


def test_a_line_is_a_span_with_the_ids_that_the_server_got():
    (span,) = made(line())
    assert (span.context, span.parent) != (None, None)
    assert span.context is not None
    assert span.parent is not None
    ids = (span.context.trace_id, span.context.span_id, span.parent.span_id)
    assert ids == (int(TRACE, 16), int(SPAN, 16), int(PARENT, 16))
    assert (span.start_time, span.end_time) == (
        1_700_000_002_250_000_000,
        1_700_000_002_500_000_000,
    )
    assert dict(span.attributes or {}) == {
        "http.request.method": "POST",
        "http.route": "/mcp",
        "http.response.status_code": 200,
        "qudag.request.id": REQUEST,
        "mcp.method.name": "tools/call",
    }


def test_a_trace_that_the_gateway_has_started_has_no_parent():
    (span,) = made(line(parent="-"))
    assert span.parent is None


@pytest.mark.parametrize(("status", "failed"), [("200", False), ("404", False), ("502", True)])
def test_an_answer_of_5xx_is_an_error(status: str, failed: bool):
    (span,) = made(line(status=status))
    assert (span.status.status_code is StatusCode.ERROR) == failed


def test_a_method_that_a_client_has_made_up_is_left_out():
    (span,) = made(line(method="tools/made-up"))
    assert "mcp.method.name" not in (span.attributes or {})


@pytest.mark.parametrize(
    "given",
    [{"route": "other"}, {"route": "redirect"}, {"kind": "stream"}, {"rate": "REJECTED"}],
)
def test_what_no_server_answered_and_streams_have_no_span(given: dict[str, Any]):
    assert made(line(**given)) == []


def test_a_line_without_ids_is_counted():
    assert made(line().replace("<1700", "<x700")) == []
    without = line().partition(" <1700")[0] + " PASSED - 200"
    assert made(without) == []
