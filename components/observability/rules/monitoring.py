"""Alerts about the platform's own Prometheus and Alertmanager, beside the dead man's switch.

Where Alertmanager sends nothing at all, only the dead man's switch tells someone. These name what
is broken while other messages still arrive: a rule, a receiver, a file.
"""

from __future__ import annotations

from collections.abc import Iterator

from .alert import Alert, Severity
from .options import RuleOptions
from .targets import EXPORTER, NAMESPACE


def alerts(options: RuleOptions) -> Iterator[Alert]:
    """Those of a platform with a Prometheus of its own."""
    if options.monitoring is None:
        return
    within = f'{NAMESPACE}="{options.monitoring}"'
    prometheus = f'{EXPORTER}="prometheus",{within}'
    alertmanager = f'{EXPORTER}="alertmanager",{within}'
    yield _alert(
        "RuleEvaluationFailures",
        f"increase(prometheus_rule_evaluation_failures_total{{{prometheus}}}[5m]) > 0",
        severity="critical",
        duration="15m",
        summary="Prometheus cannot evaluate rules, and their alerts do not fire",
        description='{{ $value | printf "%.0f" }} evaluations of {{ $labels.rule_group }} have '
        "failed in five minutes.",
    )
    reloads = [f"prometheus_config_last_reload_successful{{{prometheus}}} == 0"]
    if options.alertmanager:
        reloads.append(f"alertmanager_config_last_reload_successful{{{alertmanager}}} == 0")
    yield _alert(
        "MonitoringConfigurationRefused",
        " or ".join(reloads),
        duration="10m",
        summary="Prometheus or Alertmanager refuses its configuration, and keeps the former one",
        description="{{ $labels.exporter }} in {{ $labels.namespace }} could not read its "
        "configuration. Changes of it have no effect.",
    )
    if not options.alertmanager:
        return
    lost = ("prometheus_notifications_errors_total", "prometheus_notifications_dropped_total")
    yield _alert(
        "AlertsNotSent",
        " or ".join(f"rate({name}{{{prometheus}}}[5m]) > 0" for name in lost),
        severity="critical",
        duration="10m",
        summary="Alerts do not arrive at Alertmanager",
        description="Prometheus in {{ $labels.namespace }} could not send alerts to Alertmanager "
        "for ten minutes.",
    )
    yield _alert(
        "NotificationsFail",
        f"rate(alertmanager_notifications_failed_total{{{alertmanager}}}[5m]) > 0",
        severity="critical",
        duration="10m",
        summary="Alertmanager cannot send messages to a receiver, and nobody there is notified",
        description="Messages of the kind {{ $labels.integration }} have failed for ten minutes: "
        "{{ $labels.reason }}.",
    )


def _alert(
    name: str,
    expression: str,
    *,
    duration: str,
    summary: str,
    description: str,
    severity: Severity = "warning",
) -> Alert:
    return Alert(
        name=name,
        severity=severity,
        team="platform",
        scope="platform",
        expression=expression,
        duration=duration,
        summary=summary,
        description=description,
        dashboard="overview",
    )
