"""Metrics of the OpenTelemetry Collectors of log lines and of traces.

Prometheus renames one label: a collector's `exporter` is `exported_exporter`.
"""

from __future__ import annotations

from functools import partial
from typing import Final

from .exported_metric import ExportedMetric

_logs = partial(ExportedMetric, exporters=("logs",))
_traces = partial(ExportedMetric, exporters=("traces",))

LOGS: Final = (
    _logs(
        name="otelcol_exporter_queue_size",
        kind="gauge",
        unit="bytes",
        labels=("data_type", "exported_exporter"),
        meaning="Undelivered lines on the disk of the node, in bytes.",
    ),
    _logs(
        name="otelcol_exporter_queue_capacity",
        kind="gauge",
        unit="bytes",
        labels=("data_type", "exported_exporter"),
        meaning="Most undelivered lines that a queue takes, in bytes.",
    ),
    _logs(
        name="otelcol_exporter_sent_log_records",
        kind="counter",
        labels=("exported_exporter",),
        meaning="Lines that the sink has taken.",
    ),
    _logs(
        name="otelcol_exporter_send_failed_log_records",
        kind="counter",
        labels=("exported_exporter",),
        meaning="Lines that the sink has refused for good, and that were dropped.",
    ),
    _logs(
        name="otelcol_receiver_accepted_log_records",
        kind="counter",
        labels=("receiver",),
        meaning="Lines that were read from log files.",
    ),
)

TRACES: Final = (
    _traces(
        name="otelcol_receiver_accepted_spans",
        kind="counter",
        labels=("receiver", "transport"),
        meaning="Spans that the collector has accepted.",
    ),
    _traces(
        name="otelcol_receiver_refused_spans",
        kind="counter",
        labels=("receiver", "transport"),
        meaning="Spans that the collector has refused, because its memory is full.",
    ),
    _traces(
        name="otelcol_processor_tail_sampling_sampling_traces_on_memory",
        kind="gauge",
        meaning="Traces that wait for the decision.",
    ),
    _traces(
        name="otelcol_processor_tail_sampling_sampling_trace_dropped_too_early",
        kind="counter",
        meaning="Traces dropped before the decision, because too many waited.",
    ),
    _traces(
        name="otelcol_exporter_sent_spans",
        kind="counter",
        labels=("exported_exporter",),
        meaning="Spans of kept traces that the store or sink has accepted.",
    ),
    _traces(
        name="otelcol_exporter_send_failed_spans",
        kind="counter",
        labels=("exported_exporter",),
        meaning="Spans of kept traces that the store or sink has refused for good.",
    ),
    _traces(
        name="otelcol_exporter_enqueue_failed_spans",
        kind="counter",
        labels=("exported_exporter",),
        meaning="Spans of kept traces that were dropped because the queue was full.",
    ),
)
