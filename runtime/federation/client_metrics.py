"""The metric of requests to other servers, which only a server that offers their tools exports."""

from __future__ import annotations

from prometheus_client import Histogram

from ..metrics import CONVENTION_SECONDS, OTHER, Metrics
from ..tracing import exemplar


class ClientMetrics:
    """Measures requests to other servers under the name of OpenTelemetry's conventions for MCP."""

    def __init__(self, metrics: Metrics) -> None:
        self.metrics = metrics
        self.seconds = Histogram(
            "mcp_client_operation_duration_seconds",
            "From a request to another server to its answer.",
            ["mcp_method_name", "gen_ai_tool_name", "error_type", "server_address"],
            buckets=CONVENTION_SECONDS,
            registry=metrics.registry,
        )

    def observe(self, method: str, tool: object, error: str, host: str, seconds: float) -> None:
        """Note a request that has ended.

        Args:
            tool: its name there; anything else if it is not known that the server has it.
            error: its `error.type`; empty without an error.
        """
        label = ""
        if method == "tools/call":
            label = self.metrics.tool_label(tool) if isinstance(tool, str) else OTHER
        child = self.metrics.of(self.seconds, method, label, error, host)
        child.observe(seconds, exemplar())
