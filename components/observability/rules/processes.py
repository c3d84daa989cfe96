"""Alerts about the processes of MCP servers: limits, dependencies, restarts, drains, sessions."""

from __future__ import annotations

from collections.abc import Iterator

from .alert import Alert
from .options import RuleOptions
from .servers import of_servers
from .targets import JOB, one_of


def alerts(options: RuleOptions) -> Iterator[Alert]:
    """Those of every MCP server that exports metrics."""
    if not options.exporting:
        return
    yield from _of_limits(options)
    yield from _of_processes(options)
    yield _secret_too_old(options)
    yield _issuer_keys_unreadable(options)
    sessions = [name for name, one in options.exporting.items() if one.era != "modern"]
    if sessions:
        yield _sessions_lost(options, sessions)


def _of_limits(options: RuleOptions) -> Iterator[Alert]:
    within, servers = options.within, of_servers(options)
    yield Alert(
        name="ServerLimitsRefuse",
        severity="warning",
        team="servers",
        scope="server",
        expression=f"sum by (job, limit) (rate(mcp_limited_total{{{within}}}[5m]))"
        f" > {options.thresholds.limited_per_second:g}",
        duration="10m",
        summary="A limit of an MCP server refuses many requests",
        description="The limit of {{ $labels.limit }} in {{ $labels.job }} refuses "
        '{{ $value | printf "%.1f" }} per second.',
        dashboard="service",
    )
    yield Alert(
        name="OpenFilesNearLimit",
        severity="warning",
        team="servers",
        scope="server",
        expression=f"process_open_fds{{{servers}}} / process_max_fds{{{servers}}} > 0.8",
        duration="10m",
        summary="A process has nearly as many open files and connections as it may",
        description="{{ $labels.pod }} has {{ $value | humanizePercentage }} of the file "
        "descriptors that it may open.",
        dashboard="service",
    )


def _of_processes(options: RuleOptions) -> Iterator[Alert]:
    servers = of_servers(options)
    yield Alert(
        name="DependencyDown",
        severity="critical",
        team="servers",
        scope="server",
        expression=f"min by (job, dependency) (mcp_dependency_up{{{options.within}}}) == 0",
        duration="2m",
        summary="An MCP server does not reach what it needs",
        description="A pod of {{ $labels.job }} does not reach {{ $labels.dependency }}.",
        dashboard="service",
    )
    yield Alert(
        name="ServerRestarts",
        severity="warning",
        team="servers",
        scope="server",
        expression=f"changes(process_start_time_seconds{{{servers}}}[15m]) > 2",
        duration="5m",
        summary="An MCP server restarts again and again",
        description="The process in {{ $labels.pod }} began {{ $value }} times in 15 minutes.",
        dashboard="service",
    )
    yield Alert(
        name="WorkersReplaced",
        severity="warning",
        team="servers",
        scope="server",
        expression=f"increase(mcp_workers_replaced_total{{{options.within}}}[15m]) > 2",
        duration="5m",
        summary="Worker processes of an MCP server end again and again",
        description='{{ $labels.pod }} replaced {{ $value | printf "%.0f" }} worker processes in '
        "15 minutes.",
        dashboard="service",
    )
    yield Alert(
        name="DrainNearItsEnd",
        severity="warning",
        team="servers",
        scope="server",
        expression=f"(mcp_draining{{{options.within}}} == 1) and on (namespace, pod)"
        f" (mcp_calls_in_flight{{{options.within}}} > 0)",
        duration=f"{max(options.drain_seconds - 30, 0)}s",
        summary="A pod ends and is about to cancel calls",
        description="{{ $labels.pod }} still works on calls, and ends within half a minute.",
        dashboard="service",
    )
    yield Alert(
        name="CallsCancelledByDrain",
        severity="warning",
        team="servers",
        scope="server",
        expression="sum by (job) "
        f"(increase(mcp_calls_cancelled_by_drain_total{{{options.within}}}[15m])) > 0",
        duration="0m",
        summary="A pod ended and cancelled calls",
        description='{{ $labels.job }} cancelled {{ $value | printf "%.0f" }} calls in 15 '
        "minutes: they ran longer than the drain of their pod.",
        dashboard="service",
    )


def _secret_too_old(options: RuleOptions) -> Alert:
    days = options.thresholds.secret_days
    return Alert(
        name="SecretTooOld",
        severity="warning",
        team="security",
        scope="store",
        expression="max by (secret, key)"
        f" (mcp_secret_age_seconds{{{options.within}}}) / 86400 > {days}",
        duration="1h",
        summary="A value of a Secret has not been replaced for long",
        description="The key {{ $labels.key }} of {{ $labels.secret }} has had its value for "
        '{{ $value | printf "%.0f" }} days.',
        dashboard="security",
        source="S3",
    )


def _issuer_keys_unreadable(options: RuleOptions) -> Alert:
    return Alert(
        name="IssuerKeysUnreadable",
        severity="critical",
        team="security",
        scope="server",
        expression=f"min by (job, issuer) (mcp_issuer_keys_readable{{{options.within}}}) == 0",
        duration="5m",
        summary="An MCP server cannot read the keys of its token issuer",
        description="{{ $labels.job }} cannot read the keys of {{ $labels.issuer }} again. An hour "
        "after the last read that succeeded it refuses every token.",
        dashboard="security",
    )


def _sessions_lost(options: RuleOptions, servers: list[str]) -> Alert:
    return Alert(
        name="SessionsLost",
        severity="warning",
        team="servers",
        scope="server",
        expression=f"sum by (job) (rate(http_requests_total{{{options.within},"
        f'{one_of(JOB, servers)},route="/mcp",status="404"}}[5m])) > 0.1',
        duration="5m",
        summary="Clients ask for sessions that their server does not have",
        description="{{ $labels.job }} answers 404 to "
        '{{ $value | printf "%.2f" }} requests per second. A server of sessions answers so to a '
        "session that has ended; of a modern server it would be no error.",
        dashboard="service",
    )
