"""Metrics, spans and log fields of the MCP requests that a bridge passes on."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Mapping
from typing import Any

from mcp import MCPError
from mcp.shared.inbound import MCP_PROTOCOL_VERSION_HEADER
from mcp_types.methods import SPEC_CLIENT_METHODS
from mcp_types.version import KNOWN_PROTOCOL_VERSIONS
from opentelemetry.trace import Span
from starlette.requests import Request

from ..error_types import CANCELLED, NONE, TOOL_ERROR, error_type
from ..exchange import exchange_of
from ..metrics import OTHER, Metrics
from ..request_filters import object_or_empty
from ..tracing import exemplar, failed, mcp_span, name_target
from .tool_headers import ToolHeaders

Params = dict[str, Any]
LONGEST_NAME = 128


class Observed:
    """Records each request in the metrics, in a span, and in the exchange that is logged.

    Attributes:
        tools: the tools that the program has listed; a span has the name of no other.
    """

    def __init__(self, metrics: Metrics, tools: ToolHeaders) -> None:
        self.metrics = metrics
        self.tools = tools

    async def request(
        self,
        request: Request | None,
        method: str,
        params: Mapping[str, Any] | None,
        work: Awaitable[Params],
    ) -> Params:
        """Await `work`, the answer to a request, and record its outcome."""
        known = method if method in SPEC_CLIENT_METHODS else "other"
        exchange = exchange_of(request.scope) if request is not None else None
        name = (params or {}).get("name")
        if exchange is not None:
            exchange.rpc_method = known
            if method == "tools/call" and isinstance(name, str):
                exchange.tool = name[:LONGEST_NAME]
        given = object_or_empty((params or {}).get("_meta")).get("traceparent")
        began, example = time.perf_counter(), None
        outcome = kind = CANCELLED
        try:
            with mcp_span(exchange, known, _version(request), given) as span:
                example = exemplar()
                try:
                    result = await work
                    kind = TOOL_ERROR if result.get("isError") is True else NONE
                except BaseException as error:
                    kind = error_type(error)
                    raise
                finally:
                    if kind:
                        failed(span, kind)
                    self._name(span, known, name)
            outcome = kind or "ok"
        except MCPError:
            outcome = "error"
            raise
        else:
            return result
        finally:
            if exchange is not None:
                exchange.outcome = outcome
            seconds = time.perf_counter() - began
            metrics, tool = self.metrics, self._tool_label(known, name)
            metrics.of(metrics.requests, known, outcome).inc()
            metrics.of(metrics.request_seconds, known).observe(seconds, example)
            metrics.of(metrics.operation_seconds, known, tool, kind).observe(seconds, example)

    def _tool_label(self, method: str, name: object) -> str:
        if method != "tools/call":
            return ""
        if isinstance(name, str) and name in self.tools.names:
            return self.metrics.tool_label(name)
        return OTHER

    def _name(self, span: Span, method: str, name: object) -> None:
        if isinstance(name, str) and name in self.tools.names:
            name_target(span, method, name)


def _version(request: Request | None) -> str | None:
    """The revision that a request names, if there is one of that name."""
    named = request.headers.get(MCP_PROTOCOL_VERSION_HEADER) if request is not None else None
    return named if named in KNOWN_PROTOCOL_VERSIONS else None
