"""The metrics that the server exports for Prometheus; users depend on their names."""

from __future__ import annotations

from typing import Any, TypeVar, cast

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    Info,
    PlatformCollector,
    ProcessCollector,
    disable_created_metrics,
    generate_latest,
)
from prometheus_client.exposition import CONTENT_TYPE_LATEST
from prometheus_client.openmetrics import exposition as openmetrics
from starlette.requests import Request
from starlette.responses import Response

from . import __version__
from .config import ServerConfig
from .tracing import recorded

Labelled = TypeVar("Labelled", Counter, Gauge, Histogram)
CALLS_CANCELLED_BY_DRAIN = "mcp_calls_cancelled_by_drain"
SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300)
CONVENTION_SECONDS = (0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 30, 60, 120, 300)
"""Bounds of the histograms of OpenTelemetry's conventions for MCP."""
MOST_TOOLS = 500
"""Names of tools that this program does not define, in labels."""
OTHER = "other"


class Metrics:
    """The metrics of a server process, in a registry of their own."""

    def __init__(self, config: ServerConfig) -> None:
        self.registry = registry = CollectorRegistry()
        self.children: dict[tuple[object, tuple[str, ...]], Any] = {}
        self.tools: set[str] = set()
        disable_created_metrics()  # a further series for each counter and histogram
        ProcessCollector(registry=registry)
        PlatformCollector(registry=registry)
        self.http_requests = Counter(
            "http_requests",
            "HTTP requests answered.",
            ["method", "route", "status"],
            registry=registry,
        )
        self.requests = Counter(
            "mcp_requests", "MCP requests answered.", ["method", "status"], registry=registry
        )
        self.request_seconds = Histogram(
            "mcp_request_duration_seconds",
            "From an MCP request to its result.",
            ["method"],
            buckets=SECONDS,
            registry=registry,
        )
        self.operation_seconds = Histogram(
            "mcp_server_operation_duration_seconds",
            "From an MCP request to its result, without notifications and subscriptions.",
            ["mcp_method_name", "gen_ai_tool_name", "error_type"],
            buckets=CONVENTION_SECONDS,
            registry=registry,
        )
        self.session_seconds: Histogram | None = None
        if config.protocol.era != "modern":
            self.session_seconds = Histogram(
                "mcp_server_session_duration_seconds",
                "From the start of a legacy session to its end. Sessions in a shared store are not "
                "measured: one process starts them and another may end them, or they expire.",
                ["mcp_protocol_version"],
                buckets=CONVENTION_SECONDS,
                registry=registry,
            )
        self.tool_requests = Counter(
            "mcp_tool_requests", "Tool calls answered.", ["tool_name"], registry=registry
        )
        self.tool_errors = Counter(
            "mcp_tool_errors",
            "Tool calls that ended in an error.",
            ["tool_name"],
            registry=registry,
        )
        self.tool_seconds = Histogram(
            "mcp_tool_duration_seconds",
            "From a tool call to its result.",
            ["tool_name"],
            buckets=SECONDS,
            registry=registry,
        )
        self.resource_requests, self.resource_errors = (
            Counter(f"mcp_resource_{name}", text, ["resource"], registry=registry)
            for name, text in (
                ("requests", "Reads of resources answered."),
                ("errors", "Reads of resources that ended in an error."),
            )
        )
        self.prompt_requests, self.prompt_errors = (
            Counter(f"mcp_prompt_{name}", text, ["prompt"], registry=registry)
            for name, text in (
                ("requests", "Prompts answered."),
                ("errors", "Prompts that ended in an error."),
            )
        )
        self.limited = Counter(
            "mcp_limited",
            "What a limit refused: messages, bodies, sessions, streams, memories, vault, calls.",
            ["limit"],
            registry=registry,
        )
        self.open_streams = Gauge(
            "mcp_open_streams", "Event streams open to clients.", registry=registry
        )
        self.websocket_connections = Gauge(
            "websocket_connections", "WebSockets open to clients.", registry=registry
        )
        self.calls_in_flight = Gauge(
            "mcp_calls_in_flight", "Tool calls being worked on.", registry=registry
        )
        self.calls_cancelled_by_drain = Counter(
            CALLS_CANCELLED_BY_DRAIN,
            "Tool calls that the server cancelled at the end of its drain. "
            "A bridge has no such metric.",
            registry=registry,
        )
        self.spans = Counter(
            "mcp_spans",
            "Spans of requests: sent to the collector, not taken by it (failed), or dropped "
            "because too many waited.",
            ["outcome"],
            registry=registry,
        )
        for outcome in ("sent", "failed", "dropped"):
            self.spans.labels(outcome)
        self.draining = Gauge(
            "mcp_draining", "1 from SIGTERM on: no new connections.", registry=registry
        )
        self.dependency_up = Gauge(
            "mcp_dependency_up",
            "1 when the dependency answered.",
            ["dependency"],
            registry=registry,
        )
        self.issuer_keys_readable = Gauge(
            "mcp_issuer_keys_readable",
            "0 for two minutes after a failed read of the keys, or until one succeeds.",
            ["issuer"],
            registry=registry,
        )
        Info("qudag_mcp_server_build", "What runs here.", registry=registry).info(
            {
                "version": __version__,
                "role": config.role,
                "name": config.name,
                "era": config.protocol.era,
                **config.server.whereabouts,
            }
        )

    def of(self, metric: Labelled, *labels: str) -> Labelled:
        """The child of `metric` with these labels; `labels()` would look for it under a lock."""
        key = (metric, labels)
        found: Labelled | None = self.children.get(key)
        if found is None:
            self.children[key] = found = metric.labels(*labels)
        return found

    def session_ended(self, version: str, seconds: float) -> None:
        """Note a legacy session: the revision of MCP that it had, and how long it was."""
        if self.session_seconds is not None:
            self.of(self.session_seconds, version).observe(seconds)

    def tool_label(self, name: str) -> str:
        """The label of a tool that this program does not define: its name, or `other`.

        A server may rename its tools without end.
        """
        if name not in self.tools:
            if len(self.tools) >= MOST_TOOLS:
                return OTHER
            self.tools.add(name)
        return name

    def count_spans(self, outcome: str, number: int) -> None:
        """Count what became of spans."""
        self.spans.labels(outcome).inc(number)

    async def endpoint(self, request: Request) -> Response:
        """Handle `GET /metrics` in the Prometheus text format.

        Where spans are made, Prometheus gets OpenMetrics, which has the ids of traces as well.
        """
        if recorded() and "application/openmetrics-text" in request.headers.get("accept", ""):
            write: Any = cast("Any", openmetrics).generate_latest  # its types are unknown
            return Response(write(self.registry), media_type=openmetrics.CONTENT_TYPE_LATEST)
        return Response(generate_latest(self.registry), media_type=CONTENT_TYPE_LATEST)
