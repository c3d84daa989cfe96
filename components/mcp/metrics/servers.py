"""Metrics of MCP servers, and of every program of ours about its process."""

from __future__ import annotations

from functools import partial
from typing import Final

from .exported_metric import ExportedMetric

_workers = partial(ExportedMetric, exporters=("workers",))
_node = partial(ExportedMetric, exporters=("node",))
_process = partial(ExportedMetric, exporters=("server", "workers", "gateway", "log_forwarder"))

SERVERS: Final = (
    ExportedMetric(
        name="http_requests_total",
        kind="counter",
        labels=("method", "route", "status"),
        meaning="HTTP requests answered.",
        sources=("S0",),
    ),
    ExportedMetric(
        name="mcp_requests_total",
        kind="counter",
        labels=("method", "status"),
        meaning="MCP requests answered.",
        sources=("S0",),
    ),
    ExportedMetric(
        name="mcp_request_duration_seconds",
        kind="histogram",
        unit="seconds",
        labels=("method",),
        meaning="From an MCP request to its result.",
        convention="mcp.server.operation.duration",
        sources=("S0", "S3"),
    ),
    ExportedMetric(
        name="mcp_server_operation_duration_seconds",
        kind="histogram",
        unit="seconds",
        labels=("mcp_method_name", "gen_ai_tool_name", "error_type"),
        meaning="From an MCP request to its result, without notifications and subscriptions.",
        convention="mcp.server.operation.duration",
    ),
    ExportedMetric(
        name="mcp_tool_requests_total",
        kind="counter",
        labels=("tool_name",),
        meaning="Tool calls answered.",
        sources=("S2",),
    ),
    ExportedMetric(
        name="mcp_tool_errors_total",
        kind="counter",
        labels=("tool_name",),
        meaning="Tool calls that ended in an error.",
        sources=("S2",),
    ),
    ExportedMetric(
        name="mcp_tool_duration_seconds",
        kind="histogram",
        unit="seconds",
        labels=("tool_name",),
        meaning="From a tool call to its result.",
        convention="mcp.server.operation.duration",
        sources=("S2",),
    ),
    ExportedMetric(
        name="mcp_resource_requests_total",
        kind="counter",
        labels=("resource",),
        meaning="Reads of resources answered.",
    ),
    ExportedMetric(
        name="mcp_resource_errors_total",
        kind="counter",
        labels=("resource",),
        meaning="Reads of resources that ended in an error.",
    ),
    ExportedMetric(
        name="mcp_prompt_requests_total",
        kind="counter",
        labels=("prompt",),
        meaning="Prompts answered.",
    ),
    ExportedMetric(
        name="mcp_prompt_errors_total",
        kind="counter",
        labels=("prompt",),
        meaning="Prompts that ended in an error.",
    ),
    ExportedMetric(
        name="mcp_limited_total",
        kind="counter",
        labels=("limit",),
        meaning=(
            "What a limit refused: messages, bodies, sessions, streams, memories, vault, calls."
        ),
    ),
    ExportedMetric(name="mcp_open_streams", kind="gauge", meaning="Event streams open to clients."),
    ExportedMetric(
        name="websocket_connections",
        kind="gauge",
        meaning="WebSockets open to clients.",
        sources=("S4",),
    ),
    ExportedMetric(name="mcp_calls_in_flight", kind="gauge", meaning="Tool calls being worked on."),
    ExportedMetric(
        name="mcp_calls_cancelled_by_drain_total",
        kind="counter",
        meaning="Tool calls that the server cancelled at the end of its drain. "
        "A bridge has no such metric.",
    ),
    ExportedMetric(
        name="mcp_spans_total",
        kind="counter",
        labels=("outcome",),
        exporters=("server", "gateway"),
        meaning=(
            "Spans of requests: sent to the collector, not taken by it (failed), or dropped "
            "because too many waited."
        ),
    ),
    ExportedMetric(
        name="mcp_draining", kind="gauge", meaning="1 from SIGTERM on: no new connections."
    ),
    ExportedMetric(
        name="mcp_dependency_up",
        kind="gauge",
        labels=("dependency",),
        meaning="1 when the dependency answered.",
    ),
    ExportedMetric(
        name="mcp_issuer_keys_readable",
        kind="gauge",
        labels=("issuer",),
        meaning="0 for two minutes after a failed read of the keys, or until one succeeds.",
    ),
    ExportedMetric(
        name="qudag_mcp_server_build_info",
        kind="info",
        labels=("version", "role", "name", "era", "environment", "region"),
        meaning="What runs here.",
    ),
)

SESSIONS: Final = (
    ExportedMetric(
        name="mcp_server_session_duration_seconds",
        kind="histogram",
        unit="seconds",
        labels=("mcp_protocol_version",),
        exporters=("sessions",),
        meaning=(
            "From the start of a legacy session to its end. Sessions in a shared store are not "
            "measured: one process starts them and another may end them, or they expire."
        ),
        convention="mcp.server.session.duration",
    ),
)

TOOL_SERVERS: Final = (
    ExportedMetric(
        name="mcp_client_operation_duration_seconds",
        kind="histogram",
        unit="seconds",
        labels=("mcp_method_name", "gen_ai_tool_name", "error_type", "server_address"),
        exporters=("tool_servers",),
        meaning="From a request to another server to its answer.",
        convention="mcp.client.operation.duration",
    ),
)

AGES: Final = (
    ExportedMetric(
        name="mcp_secret_age_seconds",
        kind="gauge",
        unit="seconds",
        labels=("secret", "key"),
        exporters=("ages",),
        meaning="Since a server first saw this value of a mounted Secret.",
    ),
)

WORKERS: Final = (
    _workers(name="mcp_workers", kind="gauge", meaning="Worker processes that run."),
    _workers(
        name="mcp_workers_replaced_total",
        kind="counter",
        meaning="Worker processes that have been replaced.",
    ),
)

NODE: Final = (
    _node(
        name="qudag_consensus_latency",
        kind="gauge",
        unit="seconds",
        meaning="Seconds of the last round: until most nodes had proven their keys, or it failed.",
        sources=("S0",),
    ),
    _node(
        name="qudag_consensus_rounds_total",
        kind="counter",
        meaning="Rounds of key exchanges with all other nodes.",
        sources=("S0",),
    ),
    _node(
        name="qudag_consensus_decisions_total",
        kind="counter",
        meaning="Rounds in which most nodes have proven their keys.",
        sources=("S0",),
    ),
)

PROCESSES: Final = (
    _process(
        name="process_cpu_seconds_total",
        kind="counter",
        unit="seconds",
        meaning="Total user and system CPU time spent in seconds.",
    ),
    _process(
        name="process_start_time_seconds",
        kind="gauge",
        unit="seconds",
        meaning="Start time of the process since unix epoch in seconds.",
    ),
    _process(
        name="process_resident_memory_bytes",
        kind="gauge",
        unit="bytes",
        meaning="Resident memory size in bytes.",
    ),
    _process(
        name="process_virtual_memory_bytes",
        kind="gauge",
        unit="bytes",
        meaning="Virtual memory size in bytes.",
    ),
    _process(name="process_open_fds", kind="gauge", meaning="Number of open file descriptors."),
    _process(
        name="process_max_fds", kind="gauge", meaning="Maximum number of open file descriptors."
    ),
    _process(
        name="python_info",
        kind="gauge",
        labels=("implementation", "major", "minor", "patchlevel", "version"),
        meaning="Python platform information",
    ),
)
"""Those that Python's client of Prometheus exports by itself."""
