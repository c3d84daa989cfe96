"""Alerts of the source documents about MCP servers, from the metrics that they export."""

from __future__ import annotations

from collections.abc import Iterator

from .alert import Alert, RecordingRule
from .options import RuleOptions
from .targets import EXPORTER, JOB

NOT_A_REQUEST = 'method!="subscriptions/listen"'
"""A subscription is answered when its stream ends, perhaps after an hour."""
FAILED = 'status=~"tool_error|error|crashed"'
"""Outcomes of MCP requests that failed in the server; ``refused`` is a mistake of the caller."""


def of_servers(options: RuleOptions) -> str:
    """The matchers for what MCP servers export about themselves."""
    return f'{EXPORTER}="server",{options.within}'


def recorded(options: RuleOptions) -> Iterator[RecordingRule]:
    """The values of servers that several rules and dashboards read."""
    if not options.exporting:
        return
    within = options.within
    requests = f"sum by (job) (rate(mcp_requests_total{{{within}}}[5m]))"
    failed = f"sum by (job) (rate(mcp_requests_total{{{within},{FAILED}}}[5m]))"
    yield RecordingRule(name="job:mcp_requests:rate5m", expression=requests)
    yield RecordingRule(
        name="job:mcp_requests:failed_ratio_rate5m",
        expression=f"({failed} or 0 * {requests}) / ({requests} > 0)",
    )
    buckets = f"mcp_request_duration_seconds_bucket{{{within},{NOT_A_REQUEST}}}"
    yield RecordingRule(
        name="job:mcp_request_duration_seconds:p95_rate5m",
        expression=f"histogram_quantile(0.95, sum by (job, le) (rate({buckets}[5m])))",
    )


def alerts(options: RuleOptions) -> Iterator[Alert]:
    """Those of S2 and S3."""
    if not options.exporting:
        return
    yield from _of_the_boilerplate(options)
    yield from _of_production(options)


def _of_the_boilerplate(options: RuleOptions) -> Iterator[Alert]:
    """The alerts of S2."""
    within, limits = options.within, options.thresholds
    yield Alert(
        name="MCPServerDown",
        severity="critical",
        team="servers",
        scope="server",
        expression=f"up{{{of_servers(options)}}} == 0",
        duration="1m",
        summary="A pod of an MCP server does not answer",
        description="{{ $labels.pod }} of {{ $labels.job }} has not answered Prometheus for more "
        "than 1 minute.",
        dashboard="service",
        source="S2",
    )
    yield Alert(
        name="MCPServerHighErrorRate",
        severity="warning",
        team="servers",
        scope="server",
        expression=f"rate(mcp_tool_errors_total{{{within}}}[5m])"
        f" > {limits.tool_errors_per_second:g}",
        duration="2m",
        summary="A tool fails often",
        description="The tool {{ $labels.tool_name }} in {{ $labels.pod }} has "
        '{{ $value | printf "%.2f" }} errors per second.',
        dashboard="service",
        source="S2",
    )
    yield Alert(
        name="MCPServerHighLatency",
        severity="warning",
        team="servers",
        scope="server",
        expression="histogram_quantile(0.95, "
        f"rate(mcp_tool_duration_seconds_bucket{{{within}}}[5m]))"
        f" > {limits.tool_latency_seconds:g}",
        duration="5m",
        summary="A tool is slow",
        description="The 95th percentile of the tool {{ $labels.tool_name }} in "
        "{{ $labels.pod }} is {{ $value | humanizeDuration }}.",
        dashboard="service",
        source="S2",
    )
    yield Alert(
        name="MCPServerHighMemoryUsage",
        severity="warning",
        team="servers",
        scope="server",
        expression=f"process_resident_memory_bytes{{{of_servers(options)}}} / 1024 / 1024"
        f" > {limits.server_memory_megabytes:g}",
        duration="5m",
        summary="An MCP server uses much memory",
        description='{{ $labels.pod }} uses {{ $value | printf "%.0f" }} MiB of memory.',
        dashboard="service",
        source="S2",
    )


def _of_production(options: RuleOptions) -> Iterator[Alert]:
    """The alerts of S3."""
    limits, servers = options.thresholds, of_servers(options)
    yield Alert(
        name="HighErrorRate",
        severity="critical",
        team="servers",
        scope="server",
        expression=f"job:mcp_requests:failed_ratio_rate5m{{{options.own}}}"
        f" > {limits.error_percent / 100:g}",
        duration="5m",
        summary="Many requests of an MCP server fail",
        description="{{ $value | humanizePercentage }} of the MCP requests of {{ $labels.job }} "
        "failed in the last 5 minutes.",
        dashboard="service",
        source="S3",
    )
    yield Alert(
        name="HighResponseTime",
        severity="critical",
        team="servers",
        scope="server",
        expression=f"job:mcp_request_duration_seconds:p95_rate5m{{{options.own}}}"
        f" > {limits.response_seconds:g}",
        duration="5m",
        summary="An MCP server answers slowly",
        description="The 95th percentile of the MCP requests of {{ $labels.job }} is "
        "{{ $value | humanizeDuration }}.",
        dashboard="service",
        source="S3",
    )
    yield Alert(
        name="ServiceUnavailable",
        severity="critical",
        team="servers",
        scope="server",
        expression=" or ".join(
            [
                f"sum by (job) (up{{{servers}}}) == 0",
                *(f'absent(up{{{JOB}="{one}",{servers}}})' for one in options.exporting),
            ]
        ),
        duration="1m",
        summary="No pod of an MCP server answers",
        description="Prometheus reaches no pod of {{ $labels.job }}.",
        dashboard="overview",
        source="S3",
    )
    yield from _near_limits(options)
    for name, status, summary in (
        ("AuthenticationFailures", "401", "Many requests have no valid token"),
        ("AuthorizationFailures", "403", "Many requests are not allowed"),
    ):
        yield Alert(
            name=name,
            severity="warning",
            team="security",
            scope="server",
            expression=f"sum by (job) (rate(http_requests_total{{{options.within},"
            f'status="{status}"}}[5m])) > {limits.unauthorized_per_second:g}',
            duration="5m",
            summary=summary,
            description=f"{{{{ $labels.job }}}} answers {status} to "
            '{{ $value | printf "%.1f" }} requests per second.',
            dashboard="security",
            source="S3",
        )


def _near_limits(options: RuleOptions) -> Iterator[Alert]:
    """CPU and memory of processes, of the limits of their containers."""
    share = options.thresholds.resource_percent / 100
    used = {
        "ServerCpuNearLimit": ("CPU", "rate(process_cpu_seconds_total{%s}[5m]) / %g", "cores"),
        "ServerMemoryNearLimit": (
            *("memory", "process_resident_memory_bytes{%s} / %d"),
            "memory_bytes",
        ),
    }
    for name, (what, ratio, field) in used.items():
        each = [
            ratio % (f'{EXPORTER}="server",{JOB}="{one.name}",{options.within}', limit)
            for one in options.exporting.values()
            if (limit := getattr(one, field))
        ]
        if each:
            yield Alert(
                name=name,
                severity="critical",
                team="servers",
                scope="server",
                expression=f"({' or '.join(each)}) > {share:g}",
                duration="10m",
                summary=f"An MCP server has used most of its {what} for 10 minutes",
                description="{{ $labels.pod }} uses {{ $value | humanizePercentage }} of its "
                f"limit of {what}.",
                dashboard="service",
                source="S3",
            )
