"""Metrics and log fields of the MCP requests that a bridge passes on."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Mapping
from typing import Any

from mcp import MCPError
from mcp_types.methods import SPEC_CLIENT_METHODS
from starlette.requests import Request

from ..exchange import exchange_of
from ..metrics import Metrics

Params = dict[str, Any]
LONGEST_NAME = 128


class Observed:
    """Records each request in the metrics, and in the exchange that is logged."""

    def __init__(self, metrics: Metrics) -> None:
        self.metrics = metrics

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
        if exchange is not None:
            exchange.rpc_method = known
            name = (params or {}).get("name")
            if method == "tools/call" and isinstance(name, str):
                exchange.tool = name[:LONGEST_NAME]
        began, outcome = time.perf_counter(), "cancelled"
        try:
            result = await work
            outcome = "tool_error" if result.get("isError") is True else "ok"
        except MCPError:
            outcome = "error"
            raise
        else:
            return result
        finally:
            if exchange is not None:
                exchange.outcome = outcome
            seconds = time.perf_counter() - began
            self.metrics.of(self.metrics.requests, known, outcome).inc()
            self.metrics.of(self.metrics.request_seconds, known).observe(seconds)
