"""Spans of the gateway, from the lines that nginx sends for its metrics."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Final

from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan, SpanProcessor
from opentelemetry.sdk.util.instrumentation import InstrumentationScope
from opentelemetry.trace import SpanContext, SpanKind, Status, StatusCode, TraceFlags

from . import __version__
from .mcp_methods import METHODS

NOT_TRACED: Final = frozenset({"other", "redirect"})
"""Routes without a server behind: what scanners ask for."""
_SAMPLED: Final = TraceFlags(TraceFlags.SAMPLED)
_SCOPE: Final = InstrumentationScope("qudag-mcp-gateway", __version__)
_TRACE: Final = re.compile(
    r"(?P<ended>\d+\.\d{3}) (?P<trace>[0-9a-f]{32}) (?P<span>[0-9a-f]{16}) "
    r"(?P<parent>[0-9a-f]{16}|-) (?P<request>[0-9a-f]{32}) (?P<method>\S+)"
)
NANOSECONDS: Final = 1_000_000_000

AddSpan = Callable[[re.Match[str]], None]
"""Makes the span of a line of nginx."""


def span_maker(processor: SpanProcessor, resource: Resource) -> AddSpan:
    """A function that hands the span of each line to `processor`, which must not block.

    The ids are those that nginx has sent to the server and to its log.
    """

    def add(line: re.Match[str]) -> None:
        found = _TRACE.fullmatch(line["trace"] or "")
        if found is None or line["route"] in NOT_TRACED or line["kind"] == "stream":
            return
        if "REJECTED" in {line["rate"], line["connections"]}:
            return  # a flood is counted, and fills no trace store
        trace = int(found["trace"], 16)
        status, method = int(line["status"]), line["method"]
        attributes: dict[str, str | int] = {
            "http.request.method": method,
            "http.route": line["route"],
            "http.response.status_code": status,
            "qudag.request.id": found["request"],
        }
        if found["method"] in METHODS:
            attributes["mcp.method.name"] = found["method"]
        if status >= 500:
            attributes["error.type"] = str(status)
        ended = int(float(found["ended"]) * NANOSECONDS)
        processor.on_end(
            ReadableSpan(
                f"{method} {line['route']}",
                SpanContext(trace, int(found["span"], 16), is_remote=False, trace_flags=_SAMPLED),
                parent=(
                    None
                    if found["parent"] == "-"
                    else SpanContext(
                        trace, int(found["parent"], 16), is_remote=True, trace_flags=_SAMPLED
                    )
                ),
                resource=resource,
                attributes=attributes,
                kind=SpanKind.SERVER,
                instrumentation_scope=_SCOPE,
                status=Status(StatusCode.ERROR if status >= 500 else StatusCode.UNSET),
                start_time=ended - int(float(line["seconds"]) * NANOSECONDS),
                end_time=ended,
            )
        )

    return add
