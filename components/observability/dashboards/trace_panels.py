"""Panels about spans: how many are sent, kept and lost."""

from __future__ import annotations

from typing import Final

from .dashboard import Panel, Query, Section, Unit
from .queries import gauge, rate

TRACES_ON_MEMORY: Final = "otelcol_processor_tail_sampling_sampling_traces_on_memory"
SPANS: Final = Panel(
    title="Spans",
    meaning="Spans that programs have sent, and spans of kept traces that the store or sink has.",
    unit=Unit.PER_SECOND,
    queries=[
        Query(expr=rate("mcp_spans_total", 'outcome="sent"'), legend="sent"),
        Query(expr=rate("otelcol_exporter_sent_spans"), legend="kept"),
    ],
)
LOST_SPANS: Final = Panel(
    title="Lost spans",
    meaning="Spans that the collector, or the store or sink behind it, did not take.",
    unit=Unit.PER_SECOND,
    queries=[
        Query(
            expr=rate("mcp_spans_total", 'outcome=~"failed|dropped"', by=("job",)),
            legend="{{job}}",
        ),
        Query(expr=rate("otelcol_receiver_refused_spans"), legend="refused by the collector"),
        Query(expr=rate("otelcol_exporter_enqueue_failed_spans"), legend="queue full"),
        Query(expr=rate("otelcol_exporter_send_failed_spans"), legend="refused by the sink"),
    ],
)
STORED_SPANS: Final = Panel(
    title="Spans in Jaeger",
    meaning="Spans that Jaeger has stored, and those that the collector must send again.",
    unit=Unit.PER_SECOND,
    queries=[
        Query(expr=rate("otelcol_exporter_sent_spans_total"), legend="stored"),
        Query(expr=rate("otelcol_exporter_send_failed_spans_total"), legend="not stored"),
        Query(expr=rate("otelcol_receiver_refused_spans_total"), legend="no memory"),
    ],
)
STORE_VOLUME: Final = Panel(
    title="Volume of Jaeger",
    meaning="Space that is free, and the size of the traces. When traces have 90 % of the volume, "
    "or 5 % are free, all traces are deleted.",
    unit=Unit.BYTES,
    queries=[
        Query(
            expr=gauge("jaeger_storage_badger_value_log_bytes_available", by=("pod",), how="min"),
            legend="free",
        ),
        Query(
            expr=gauge("jaeger_storage_badger_size_bytes_lsm", by=("pod",), how="max"),
            legend="traces",
        ),
    ],
)
WAITING_TRACES: Final = Panel(
    title="Traces that wait for a decision",
    meaning="Traces in the memory of the collector.",
    unit=Unit.NUMBER,
    queries=[Query(expr=gauge(TRACES_ON_MEMORY, by=("pod",)), legend="{{pod}}")],
)
TRACES: Final = Section(
    title="Traces", panels=[SPANS, LOST_SPANS, WAITING_TRACES, STORED_SPANS, STORE_VOLUME]
)
