"""Alerts about the egress proxy, from what Envoy counts."""

from __future__ import annotations

from collections.abc import Iterator

from .alert import Alert
from .options import RuleOptions
from .targets import EXPORTER, JOB, down


def alerts(options: RuleOptions) -> Iterator[Alert]:
    """Those of a platform with an egress proxy that Prometheus reads."""
    if options.egress is None:
        return
    of = f'{EXPORTER}="egress",{JOB}="{options.egress}",{options.within}'
    listed = (
        "sum by (job, envoy_http_conn_manager_prefix) (rate(envoy_http_downstream_rq_xx"
        f'{{{of},envoy_response_code_class="4"}}[10m]))'
    )
    closed = (
        "sum by (job, envoy_listener_address)"
        f" (rate(envoy_listener_no_filter_chain_match{{{of}}}[10m]))"
    )
    limit = f"* 60 > {options.thresholds.egress_refused_per_minute:g}"
    yield Alert(
        name="EgressRefused",
        severity="warning",
        team="security",
        scope="server",
        expression=f"{listed} {limit} or {closed} {limit}",
        duration="5m",
        summary="The egress proxy refuses connections to hosts outside",
        description='{{ $value | printf "%.1f" }} connections per minute are refused by '
        "{{ $labels.job }}: {{ $labels.envoy_http_conn_manager_prefix }}"
        "{{ $labels.envoy_listener_address }}.",
        dashboard="security",
    )
    yield Alert(
        name="EgressProxyDown",
        severity="warning",
        team="platform",
        scope="server",
        expression=down(of),
        duration="2m",
        summary="A pod of the egress proxy does not answer",
        description="{{ with $labels.pod }}{{ . }}{{ else }}Every pod of {{ $labels.job }}"
        "{{ end }} has not answered Prometheus for more than 2 minutes.",
        dashboard="overview",
    )
