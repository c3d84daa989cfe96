"""Alerts about the collectors of log lines, from what they count themselves."""

from __future__ import annotations

from collections.abc import Iterator

from .alert import Alert
from .options import RuleOptions
from .targets import EXPORTER, JOB

FILLED_PERCENT = 50
"""Of a queue of undelivered lines; when it is full, reading stops."""


def alerts(options: RuleOptions) -> Iterator[Alert]:
    """Those of a platform with collectors that Prometheus reads."""
    if options.logs is None:
        return
    of = f'{EXPORTER}="log-collector",{JOB}="{options.logs}",{options.within}'
    dropped = f"otelcol_exporter_send_failed_log_records{{{of}}}"
    yield Alert(
        name="LogQueueFilling",
        severity="warning",
        team="platform",
        scope="platform",
        expression=(
            f"100 * otelcol_exporter_queue_size{{{of}}}"
            f" / otelcol_exporter_queue_capacity{{{of}}} > {FILLED_PERCENT}"
        ),
        duration="5m",
        summary="Log lines are not delivered, and a collector's queue fills",
        description="{{ $labels.exported_exporter }} of {{ $labels.pod }} has a queue that is "
        '{{ $value | printf "%.0f" }} % full. When it is full, reading stops.',
        dashboard="infrastructure",
    )
    yield Alert(
        name="LogLinesDropped",
        severity="warning",
        team="platform",
        scope="platform",
        # A series begins with the first dropped lines, which an increase does not count.
        expression=(f"increase({dropped}[10m]) > 0 or ({dropped} > 0 unless {dropped} offset 10m)"),
        duration="1m",
        summary="A sink refuses log lines for good, and they are dropped",
        description="{{ $labels.exported_exporter }} of {{ $labels.pod }} has dropped lines, "
        "because the sink refused them.",
        dashboard="infrastructure",
    )
