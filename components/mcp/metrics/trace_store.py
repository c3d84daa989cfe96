"""Metrics of Jaeger, which keeps traces on a volume; it has many more.

Prometheus renames one label: Jaeger's `exporter` is `exported_exporter`.
"""

from __future__ import annotations

from functools import partial
from typing import Final

from .exported_metric import ExportedMetric

_trace_store = partial(ExportedMetric, exporters=("trace_store",))

TRACE_STORE: Final = (
    _trace_store(
        name="jaeger_storage_badger_value_log_bytes_available",
        kind="gauge",
        unit="bytes",
        labels=("kind", "name", "role"),
        meaning="Bytes that are free on Jaeger's volume, measured once a minute.",
    ),
    _trace_store(
        name="jaeger_storage_badger_size_bytes_lsm",
        kind="gauge",
        unit="bytes",
        labels=("kind", "name", "role"),
        meaning="Bytes of the files with Jaeger's traces, measured once a minute. Up to 0.6 GiB of "
        "the newest are not among them.",
    ),
    _trace_store(
        name="otelcol_exporter_sent_spans_total",
        kind="counter",
        labels=("exported_exporter",),
        meaning="Spans that Jaeger has stored.",
    ),
    _trace_store(
        name="otelcol_exporter_send_failed_spans_total",
        kind="counter",
        labels=("exported_exporter",),
        meaning="Spans that Jaeger could not store.",
    ),
    _trace_store(
        name="otelcol_receiver_refused_spans_total",
        kind="counter",
        labels=("receiver", "transport"),
        meaning="Spans that Jaeger has refused, because its memory is full.",
    ),
)
