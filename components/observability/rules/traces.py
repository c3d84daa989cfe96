"""Alerts about spans that do not arrive, and about the volume that keeps them."""

from __future__ import annotations

from collections.abc import Iterator

from .alert import Alert
from .options import RuleOptions
from .targets import EXPORTER, JOB

_OF_COLLECTOR = (
    "otelcol_receiver_refused_spans",
    "otelcol_exporter_enqueue_failed_spans",
    "otelcol_exporter_send_failed_spans",
    "otelcol_processor_tail_sampling_sampling_trace_dropped_too_early",
)
"""Spans that the collector did not take, that its queue did not take, and that the sink refused;
and traces that it dropped before the decision, because too many waited."""
FREE_PERCENT = 20
"""Of Jaeger's volume, before all traces are deleted at 90 % of it, or 5 % free."""


def alerts(options: RuleOptions) -> Iterator[Alert]:
    """Those of a platform with a collector of traces that Prometheus reads."""
    if options.trace_store is not None and options.trace_store_bytes is not None:
        yield from _of_store(options, options.trace_store_bytes)
    if options.traces is None:
        return
    of = f'{EXPORTER}="trace-collector",{JOB}="{options.traces}",{options.within}'
    lost = [
        f'mcp_spans_total{{outcome=~"failed|dropped",{options.within}}}',
        *(f"{name}{{{of}}}" for name in _OF_COLLECTOR),
    ]
    yield Alert(
        name="SpansLost",
        severity="warning",
        team="platform",
        scope="platform",
        expression=" or ".join(f"rate({one}[5m]) > 0" for one in lost),
        duration="10m",
        summary="Spans are lost: traces have gaps, or are not kept",
        description="{{ $labels.job }} in {{ $labels.namespace }} has lost spans for ten minutes: "
        "the collector, or the store or sink behind it, does not take them.",
        dashboard="infrastructure",
    )


def _of_store(options: RuleOptions, size: int) -> Iterator[Alert]:
    of = f'{EXPORTER}="trace-store",{JOB}="{options.trace_store}",{options.within}'
    least = size * FREE_PERCENT // 100
    refused = (
        "otelcol_exporter_send_failed_spans_total",
        "otelcol_receiver_refused_spans_total",
    )
    yield Alert(
        name="TraceStoreFilling",
        severity="warning",
        team="platform",
        scope="platform",
        # Where the volume is a folder of the node's disk, the free space is that of the disk.
        expression=(
            f"jaeger_storage_badger_value_log_bytes_available{{{of}}} < {least}"
            f" or {size} - jaeger_storage_badger_size_bytes_lsm{{{of}}} < {least}"
        ),
        duration="5m",
        summary="Less than a fifth of the volume of Jaeger is left for traces",
        description="{{ $value | humanize1024 }}B are left on the volume of {{ $labels.pod }}. "
        "At 90 % of its size, or when 5 % are free, all traces are deleted.",
        dashboard="infrastructure",
    )
    yield Alert(
        name="TraceStoreRejectsSpans",
        severity="warning",
        team="platform",
        scope="platform",
        expression=" or ".join(f"rate({name}{{{of}}}[5m]) > 0" for name in refused),
        duration="5m",
        summary="Jaeger does not store spans",
        description="{{ $labels.pod }} has refused spans for five minutes. The collector keeps "
        "them until its queue is full.",
        dashboard="infrastructure",
    )
