"""Alerts about the collectors of log lines, and about what forwards the lines to a store."""

from __future__ import annotations

from collections.abc import Iterator

from .alert import Alert
from .options import RuleOptions
from .targets import EXPORTER, JOB, down

FILLED_PERCENT = 50
"""Of a queue of undelivered lines; when it is full, reading stops."""
RETENTION_SECONDS = 3600
"""Six times the time between two runs of log-retention."""
ONE_FAULT_MINUTES = 15
"""For which LogLinesRefused replaces LogLinesDropped; it fires 10 minutes after the last line."""


def alerts(options: RuleOptions) -> Iterator[Alert]:
    """Those of a platform with collectors that Prometheus reads."""
    if options.logs is not None:
        yield from _of_collectors(options)
    if options.log_forwarder is not None:
        yield from _of_forwarder(options)


def _of_collectors(options: RuleOptions) -> Iterator[Alert]:
    of = f'{EXPORTER}="log-collector",{JOB}="{options.logs}",{options.within}'
    dropped = f"otelcol_exporter_send_failed_log_records{{{of}}}"
    # A series begins with the first dropped lines, which an increase does not count.
    rising = f"increase({dropped}[10m]) > 0 or ({dropped} > 0 unless {dropped} offset 10m)"
    if options.log_forwarder is not None:
        # The collectors drop what the forwarder refuses, in other namespaces: an inhibition of
        # Alertmanager, which compares namespaces, could not tell.
        refused = f"increase({_refused(options)}[{ONE_FAULT_MINUTES}m])"
        rising = f"({rising}) unless on () {refused} > 0"
    yield Alert(
        name="LogCollectorDown",
        severity="warning",
        team="platform",
        scope="platform",
        expression=down(of),
        duration="5m",
        summary="A collector of log lines does not answer",
        description="{{ with $labels.pod }}{{ . }} does not answer{{ else }}No pod of "
        "{{ $labels.job }} answers{{ end }} Prometheus. Log lines of its node are not collected.",
        dashboard="infrastructure",
    )
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
        expression=rising,
        duration="1m",
        summary="The log store rejects log lines for good, and a collector drops them",
        description="{{ $labels.exported_exporter }} of {{ $labels.pod }} has dropped lines, "
        "because the log store rejected them.",
        dashboard="infrastructure",
    )


def _forwarder(options: RuleOptions) -> str:
    return f'{EXPORTER}="log-forwarder",{JOB}="{options.log_forwarder}",{options.within}'


def _refused(options: RuleOptions) -> str:
    """The lines that the store behind the forwarder has refused for good."""
    return f'mcp_log_lines_total{{outcome="refused",{_forwarder(options)}}}'


def _of_forwarder(options: RuleOptions) -> Iterator[Alert]:
    of = _forwarder(options)
    age = f"mcp_log_retention_age_seconds{{{of}}}"
    yield Alert(
        name="LogStoreUnavailable",
        severity="warning",
        team="platform",
        scope="platform",
        expression=f"mcp_log_store_up{{{of}}} == 0",
        duration="5m",
        summary="Elasticsearch or OpenSearch does not answer, or answers errors",
        description="{{ $labels.pod }} cannot store log lines. They wait on the nodes.",
        dashboard="infrastructure",
    )
    yield Alert(
        name="LogLinesRefused",
        severity="warning",
        team="platform",
        scope="platform",
        expression=f"increase({_refused(options)}[10m]) > 0",
        duration="1m",
        summary="Elasticsearch or OpenSearch refuses log lines for good, and they are dropped",
        description='{{ $value | printf "%.0f" }} lines were refused in ten minutes.',
        dashboard="infrastructure",
    )
    yield Alert(
        name="LogRetentionOverdue",
        severity="warning",
        team="platform",
        scope="platform",
        expression=f"{age} > {RETENTION_SECONDS} or absent({age})",
        duration="30m",
        summary="log-retention has not succeeded for long, and old log lines are not deleted",
        description="No run of the job has succeeded for an hour and a half, or since the "
        "forwarder has started.",
        dashboard="infrastructure",
    )
