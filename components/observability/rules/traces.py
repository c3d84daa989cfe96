"""The alert about spans that do not arrive, from what senders and the collector count."""

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


def alerts(options: RuleOptions) -> Iterator[Alert]:
    """Those of a platform with a collector of traces that Prometheus reads."""
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
