"""Every metric that the platform's programs export for Prometheus.

Rules, autoscalers and the documentation take names from this list. Tests compare it with what the
programs export: a metric that only one of the two has fails them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Literal

Kind = Literal["counter", "gauge", "histogram", "info"]
Unit = Literal["", "seconds", "bytes"]
Exporter = Literal[
    "server",
    "workers",
    "gateway",
    "audit",
    "audit_results",
    "valkey",
    "node",
    "postgres",
    "backups",
    "volumes",
    "ages",
    "egress",
    "logs",
    "traces",
]
"""``server``: an MCP server, in each role, and the bridge. ``workers``: the parent process of a
server with several worker processes. ``gateway``: the exporter beside the gateway's nginx.
``audit``: a server that writes to the audit log; ``audit_results``: the same, once the job that
keeps the log has run. ``node``: a server with a QuDAG node that has
peers, besides what a server exports. ``backups``: a server with a database that has been backed
up. ``volumes``: the same, once a job has backed up or read back volumes. ``ages``: a server with a
database. ``egress``: Envoy, the egress proxy.
``logs``: a collector of log lines. ``traces``: the collector of traces."""


@dataclass(frozen=True, kw_only=True)
class ExportedMetric:
    """A metric and who exports it.

    Attributes:
        name: as in a query; of a histogram without ``_bucket``, ``_count`` and ``_sum``.
        kind: its type in Prometheus; an ``info`` is a gauge of 1 with labels.
        unit: of its values; empty for a number of things.
        labels: names of its labels, in the order in which the program sets them.
        exporters: the programs that export it.
        meaning: what it counts or measures; the text of its HELP line.
        convention: the metric of OpenTelemetry's conventions for MCP that it corresponds to.
        sources: the source documents that name it, such as ``S0``.
    """

    name: str
    kind: Kind
    meaning: str
    unit: Unit = ""
    labels: tuple[str, ...] = ()
    exporters: tuple[Exporter, ...] = ("server",)
    convention: str | None = None
    sources: tuple[str, ...] = ()

    @property
    def family(self) -> str:
        """Its name without the ending of its kind, as Python's client takes it."""
        return self.name.removesuffix({"counter": "_total", "info": "_info"}.get(self.kind, ""))


_EVERY: Final[tuple[Exporter, ...]] = ("server", "workers", "gateway")

_OF_AUDIT: Final[list[tuple[str, Kind, tuple[str, ...], Unit, str]]] = [
    ("mcp_audit_rows_total", "counter", ("event",), "", "Rows committed to the audit log."),
    (
        *("mcp_audit_lost_total", "counter", ("reason",), ""),
        "Rows that are not in the audit log: too many waited, or the process stopped.",
    ),
    (
        *("mcp_audit_refused_total", "counter", (), ""),
        "Calls refused because their row was not committed.",
    ),
    ("mcp_audit_waiting", "gauge", (), "", "Rows that wait for the database."),
    (
        *("mcp_audit_write_duration_seconds", "histogram", (), "seconds"),
        "From a statement with rows to its commit.",
    ),
    (
        *("mcp_audit_seq", "gauge", (), ""),
        "Number of the last row that this server has written.",
    ),
]
"""Name, kind, labels, unit and meaning."""
_OF_AUDIT_RESULTS: Final[tuple[tuple[str, Unit, str], ...]] = (
    (
        "mcp_audit_verified",
        "",
        "1 if the last verification found every row of the audit log as it was written.",
    ),
    (
        "mcp_audit_verified_age_seconds",
        "seconds",
        "Since the last verification that found every row of the audit log as it was written.",
    ),
    (
        "mcp_audit_exported",
        "",
        "1 if the last run found every closed month of the audit log in the bucket.",
    ),
    (
        "mcp_audit_exported_age_seconds",
        "seconds",
        "Since the last run that found every closed month of the audit log in the bucket.",
    ),
)
_OF_VALKEY: Final[tuple[tuple[str, Kind, Unit, str], ...]] = (
    ("redis_up", "gauge", "", "1 while the exporter can log in to Valkey."),
    ("redis_connected_clients", "gauge", "", "Connections of clients."),
    ("redis_connected_slaves", "gauge", "", "Replicas that follow this pod."),
    ("redis_memory_used_bytes", "gauge", "bytes", "Memory in use."),
    ("redis_memory_max_bytes", "gauge", "bytes", "Memory that it may use (`maxmemory`)."),
    ("redis_evicted_keys_total", "counter", "", "Keys evicted because memory was full."),
    ("redis_rejected_connections_total", "counter", "", "Connections refused: too many."),
    ("redis_commands_processed_total", "counter", "", "Commands run."),
    ("redis_aof_last_write_status", "gauge", "", "1 while the append-only file can be written."),
)
"""Those of redis_exporter that tell whether Valkey is well; it exports many more."""

_OF_POSTGRES: Final[tuple[tuple[str, Kind, tuple[str, ...], str], ...]] = (
    ("pg_up", "gauge", (), "1 while the exporter can log in to PostgreSQL."),
    (
        *("pg_stat_database_numbackends", "gauge", ("datid", "datname", "server")),
        "Connections to a database.",
    ),
    ("pg_settings_max_connections", "gauge", ("server",), "Connections that it accepts."),
    ("pg_locks_count", "gauge", ("datname", "mode", "server"), "Locks held."),
)
"""Those of postgres_exporter for the alerts of the source documents; it exports many more."""

_OF_EGRESS: Final[tuple[tuple[str, Kind, tuple[str, ...], Unit, str], ...]] = (
    (
        *("envoy_http_downstream_rq_xx", "counter"),
        *(("envoy_response_code_class", "envoy_http_conn_manager_prefix"), ""),
        "Tunnels asked for, by the first digit of the answer's status.",
    ),
    (
        *("envoy_http_downstream_cx_active", "gauge", ("envoy_http_conn_manager_prefix",), ""),
        "Connections of servers that are open.",
    ),
    (
        *("envoy_http_downstream_cx_rx_bytes_total", "counter"),
        *(("envoy_http_conn_manager_prefix",), "bytes"),
        "Bytes that servers have sent.",
    ),
    (
        *("envoy_http_downstream_cx_tx_bytes_total", "counter"),
        *(("envoy_http_conn_manager_prefix",), "bytes"),
        "Bytes that servers have received.",
    ),
    (
        *("envoy_listener_no_filter_chain_match", "counter", ("envoy_listener_address",), ""),
        "Tunnels closed because they did not begin with TLS for the host that was asked for.",
    ),
)
"""Those that Envoy keeps with the rendered configuration; it gives them no HELP."""

_OF_LOGS: Final[tuple[tuple[str, Kind, tuple[str, ...], Unit, str], ...]] = (
    (
        *("otelcol_exporter_queue_size", "gauge", ("data_type", "exported_exporter"), "bytes"),
        "Undelivered lines on the disk of the node, in bytes.",
    ),
    (
        *("otelcol_exporter_queue_capacity", "gauge", ("data_type", "exported_exporter"), "bytes"),
        "Most undelivered lines that a queue takes, in bytes.",
    ),
    (
        *("otelcol_exporter_sent_log_records", "counter", ("exported_exporter",), ""),
        "Lines that the sink has taken.",
    ),
    (
        *("otelcol_exporter_send_failed_log_records", "counter", ("exported_exporter",), ""),
        "Lines that the sink has refused for good, and that were dropped.",
    ),
    (
        *("otelcol_receiver_accepted_log_records", "counter", ("receiver",), ""),
        "Lines that were read from log files.",
    ),
)
"""Those that Prometheus renames: a collector's label ``exporter`` is ``exported_exporter``."""

_TAIL_SAMPLING: Final = "otelcol_processor_tail_sampling_sampling"
_OF_TRACES: Final[tuple[tuple[str, Kind, tuple[str, ...], Unit, str], ...]] = (
    (
        *("otelcol_receiver_accepted_spans", "counter", ("receiver", "transport"), ""),
        "Spans that the collector has accepted.",
    ),
    (
        *("otelcol_receiver_refused_spans", "counter", ("receiver", "transport"), ""),
        "Spans that the collector has refused, because its memory is full.",
    ),
    (
        *(f"{_TAIL_SAMPLING}_traces_on_memory", "gauge", (), ""),
        "Traces that wait for the decision.",
    ),
    (
        *(f"{_TAIL_SAMPLING}_trace_dropped_too_early", "counter", (), ""),
        "Traces dropped before the decision, because too many waited.",
    ),
    (
        *("otelcol_exporter_sent_spans", "counter", ("exported_exporter",), ""),
        "Spans of kept traces that the store or sink has accepted.",
    ),
    (
        *("otelcol_exporter_send_failed_spans", "counter", ("exported_exporter",), ""),
        "Spans of kept traces that the store or sink has refused for good.",
    ),
    (
        *("otelcol_exporter_enqueue_failed_spans", "counter", ("exported_exporter",), ""),
        "Spans of kept traces that were dropped because the queue was full.",
    ),
)

_OF_BACKUPS: Final[tuple[tuple[str, Unit, str], ...]] = (
    ("mcp_backup_age_seconds", "seconds", "Since the snapshot of the newest backup."),
    ("mcp_restore_drill_passed", "", "1 if the last restore drill passed."),
    (
        "mcp_restore_drill_age_seconds",
        "seconds",
        "Since the last restore drill that passed.",
    ),
    (
        "mcp_restore_drill_recovery_point_seconds",
        "seconds",
        "Age of the backup in the last restore drill that passed.",
    ),
    (
        "mcp_restore_drill_recovery_time_seconds",
        "seconds",
        "Duration of the last restore drill that passed.",
    ),
)

_OF_VOLUMES: Final[tuple[tuple[str, Unit, str], ...]] = (
    ("mcp_volume_backup_age_seconds", "seconds", "Since the newest backup of the volume."),
    ("mcp_volume_drill_passed", "", "1 if the last drill of the volume passed."),
    (
        "mcp_volume_drill_age_seconds",
        "seconds",
        "Since the last drill of the volume that passed.",
    ),
    (
        "mcp_volume_drill_seconds",
        "seconds",
        "Duration of the last drill of the volume that passed.",
    ),
)
_METRICS: Final = [
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
        name="mcp_calls_cut_total",
        kind="counter",
        meaning="Tool calls cancelled because the server ended. A bridge has no such metric.",
    ),
    ExportedMetric(
        name="mcp_spans_total",
        kind="counter",
        exporters=("server", "gateway"),
        labels=("outcome",),
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
    *(
        ExportedMetric(
            name=name, kind=kind, labels=labels, unit=unit, exporters=("audit",), meaning=meaning
        )
        for name, kind, labels, unit, meaning in _OF_AUDIT
    ),
    *(
        ExportedMetric(
            name=name, kind="gauge", unit=unit, exporters=("audit_results",), meaning=meaning
        )
        for name, unit, meaning in _OF_AUDIT_RESULTS
    ),
    *(
        ExportedMetric(name=name, kind="gauge", unit=unit, exporters=("backups",), meaning=meaning)
        for name, unit, meaning in _OF_BACKUPS
    ),
    *(
        ExportedMetric(
            name=name,
            kind="gauge",
            unit=unit,
            labels=("volume",),
            exporters=("volumes",),
            meaning=meaning,
        )
        for name, unit, meaning in _OF_VOLUMES
    ),
    ExportedMetric(
        name="mcp_secret_age_seconds",
        kind="gauge",
        unit="seconds",
        labels=("secret", "key"),
        exporters=("ages",),
        meaning="Since a server first saw this value of a mounted Secret.",
    ),
    ExportedMetric(
        name="mcp_workers",
        kind="gauge",
        exporters=("workers",),
        meaning="Worker processes that run.",
    ),
    ExportedMetric(
        name="mcp_workers_replaced_total",
        kind="counter",
        exporters=("workers",),
        meaning="Worker processes that have been replaced.",
    ),
    ExportedMetric(
        name="mcp_gateway_requests_total",
        kind="counter",
        labels=("route", "kind", "method", "status"),
        exporters=("gateway",),
        meaning="Requests that nginx has ended.",
    ),
    ExportedMetric(
        name="mcp_gateway_request_duration_seconds",
        kind="histogram",
        unit="seconds",
        labels=("route", "kind"),
        exporters=("gateway",),
        meaning="From the first byte of a request to the last byte of its answer.",
    ),
    ExportedMetric(
        name="mcp_gateway_limited_total",
        kind="counter",
        labels=("route", "limit"),
        exporters=("gateway",),
        meaning="Requests that nginx refused: too many, too many at a time, or a too large body.",
    ),
    ExportedMetric(
        name="mcp_gateway_upstream_errors_total",
        kind="counter",
        labels=("route", "status"),
        exporters=("gateway",),
        meaning="Tries at a server that ended with 5xx, without an answer (502) or too late (504).",
    ),
    ExportedMetric(
        name="mcp_gateway_lost_lines_total",
        kind="counter",
        exporters=("gateway",),
        meaning="Requests in no other metric: their lines came too fast, or were unreadable.",
    ),
    ExportedMetric(
        name="mcp_gateway_up",
        kind="gauge",
        exporters=("gateway",),
        meaning="1 when nginx has answered the question for its connections.",
    ),
    ExportedMetric(
        name="mcp_gateway_connections",
        kind="gauge",
        labels=("state",),
        exporters=("gateway",),
        meaning="Connections of clients: a request is read, is being answered, or none is open.",
    ),
    *(
        ExportedMetric(name=name, kind=kind, unit=unit, exporters=("valkey",), meaning=meaning)
        for name, kind, unit, meaning in _OF_VALKEY
    ),
    *(
        ExportedMetric(
            name=name, kind=kind, labels=labels, exporters=("postgres",), meaning=meaning
        )
        for name, kind, labels, meaning in _OF_POSTGRES
    ),
    *(
        ExportedMetric(
            name=name, kind=kind, labels=labels, unit=unit, exporters=("egress",), meaning=meaning
        )
        for name, kind, labels, unit, meaning in _OF_EGRESS
    ),
    *(
        ExportedMetric(
            name=name, kind=kind, labels=labels, unit=unit, exporters=("logs",), meaning=meaning
        )
        for name, kind, labels, unit, meaning in _OF_LOGS
    ),
    *(
        ExportedMetric(
            name=name, kind=kind, labels=labels, unit=unit, exporters=("traces",), meaning=meaning
        )
        for name, kind, labels, unit, meaning in _OF_TRACES
    ),
    ExportedMetric(
        name="qudag_consensus_latency",
        kind="gauge",
        unit="seconds",
        exporters=("node",),
        meaning="Seconds of the last round: until most nodes had proven their keys, or it failed.",
        sources=("S0",),
    ),
    ExportedMetric(
        name="qudag_consensus_rounds_total",
        kind="counter",
        exporters=("node",),
        meaning="Rounds of key exchanges with all other nodes.",
        sources=("S0",),
    ),
    ExportedMetric(
        name="qudag_consensus_decisions_total",
        kind="counter",
        exporters=("node",),
        meaning="Rounds in which most nodes have proven their keys.",
        sources=("S0",),
    ),
    ExportedMetric(
        name="process_cpu_seconds_total",
        kind="counter",
        unit="seconds",
        exporters=_EVERY,
        meaning="Total user and system CPU time spent in seconds.",
    ),
    ExportedMetric(
        name="process_start_time_seconds",
        kind="gauge",
        unit="seconds",
        exporters=_EVERY,
        meaning="Start time of the process since unix epoch in seconds.",
    ),
    ExportedMetric(
        name="process_resident_memory_bytes",
        kind="gauge",
        unit="bytes",
        exporters=_EVERY,
        meaning="Resident memory size in bytes.",
    ),
    ExportedMetric(
        name="process_virtual_memory_bytes",
        kind="gauge",
        unit="bytes",
        exporters=_EVERY,
        meaning="Virtual memory size in bytes.",
    ),
    ExportedMetric(
        name="process_open_fds",
        kind="gauge",
        exporters=_EVERY,
        meaning="Number of open file descriptors.",
    ),
    ExportedMetric(
        name="process_max_fds",
        kind="gauge",
        exporters=_EVERY,
        meaning="Maximum number of open file descriptors.",
    ),
    ExportedMetric(
        name="python_info",
        kind="gauge",
        labels=("implementation", "major", "minor", "patchlevel", "version"),
        exporters=_EVERY,
        meaning="Python platform information",
    ),
]

EXPORTED: Final[Mapping[str, ExportedMetric]] = {metric.name: metric for metric in _METRICS}
"""Every metric by its name."""


def exported_by(exporter: Exporter) -> dict[str, ExportedMetric]:
    """The metrics of a program by their names."""
    return {name: one for name, one in EXPORTED.items() if exporter in one.exporters}
