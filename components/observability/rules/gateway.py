"""Alerts about the gateway, from the exporter in the pods of nginx."""

from __future__ import annotations

from collections.abc import Iterator

from .alert import Alert
from .options import RuleOptions
from .targets import EXPORTER, JOB


def alerts(options: RuleOptions) -> Iterator[Alert]:
    """Those of a gateway whose exporter Prometheus reads."""
    gateway, within = options.gateway, options.within
    if gateway is None:
        return
    target = f'{EXPORTER}="gateway",{JOB}="{gateway}",{within}'
    yield Alert(
        name="PlatformDown",
        severity="critical",
        team="platform",
        scope="platform",
        expression=f"sum by (job) (up{{{target}}}) == 0 or absent(up{{{target}}}) or"
        f' max by (job) (mcp_gateway_up{{{JOB}="{gateway}",{within}}}) == 0',
        duration="1m",
        summary="No pod of the gateway answers",
        description="Prometheus reaches no pod of {{ $labels.job }}, or nginx answers in none: "
        "clients reach no server.",
        dashboard="overview",
    )
    yield Alert(
        name="GatewayPodDown",
        severity="warning",
        team="platform",
        scope="platform",
        expression=f'up{{{target}}} == 0 or mcp_gateway_up{{{JOB}="{gateway}",{within}}} == 0',
        duration="2m",
        summary="A pod of the gateway does not answer",
        description="{{ $labels.pod }} has not answered Prometheus for more than 2 minutes.",
        dashboard="overview",
    )
    yield Alert(
        name="GatewayLimitsRefuse",
        severity="warning",
        team="platform",
        scope="server",
        expression=f"sum by (job, route, limit) (rate(mcp_gateway_limited_total{{{within}}}[5m]))"
        f" > {options.thresholds.limited_per_second:g}",
        duration="10m",
        summary="A limit of the gateway refuses many requests",
        description="The limit of {{ $labels.limit }} refuses "
        '{{ $value | printf "%.1f" }} requests per second to {{ $labels.route }}.',
        dashboard="overview",
    )
    yield Alert(
        name="GatewayUpstreamErrors",
        severity="warning",
        team="servers",
        scope="server",
        expression="sum by (job, route)"
        f' (rate(mcp_gateway_upstream_errors_total{{{within},status=~"502|504"}}[5m])) > 0.1',
        duration="5m",
        summary="A server does not answer the gateway",
        description='{{ $value | printf "%.2f" }} tries per second at {{ $labels.route }} had no '
        "answer, or a late one.",
        dashboard="overview",
    )
    yield Alert(
        name="GatewayMetricsLost",
        severity="info",
        team="platform",
        scope="platform",
        expression=f"increase(mcp_gateway_lost_lines_total{{{within}}}[10m]) > 0",
        duration="5m",
        summary="Requests are missing in the metrics of the gateway",
        description='{{ $value | printf "%.0f" }} requests of {{ $labels.pod }} are in no metric.',
        dashboard="overview",
    )
