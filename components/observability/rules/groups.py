"""The recording rules and alerts of a platform, as groups of Prometheus's rule files."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final

from . import (
    backups,
    cluster,
    egress,
    gateway,
    image_metrics,
    logs,
    monitoring,
    objectives,
    orchestration,
    processes,
    servers,
    stores,
    traces,
)
from .alert import Alert, RecordingRule
from .expression import check
from .options import RuleOptions

WATCHDOG: Final = "Watchdog"
_RECORDED: Final[Mapping[str, Callable[[RuleOptions], Iterator[RecordingRule]]]] = {
    "servers": servers.recorded,
    "objectives": objectives.recorded,
    "stores": stores.recorded,
    "orchestration": orchestration.recorded,
    "images": image_metrics.recorded,
}
_ALERTS: Final[Mapping[str, Callable[[RuleOptions], Iterator[Alert]]]] = {
    "servers": servers.alerts,
    "processes": processes.alerts,
    "gateway": gateway.alerts,
    "objectives": objectives.alerts,
    "stores": stores.alerts,
    "backups": backups.alerts,
    "cluster": cluster.alerts,
    "orchestration": orchestration.alerts,
    "images": image_metrics.alerts,
    "egress": egress.alerts,
    "logs": logs.alerts,
    "traces": traces.alerts,
    "monitoring": monitoring.alerts,
}


def rule_groups(options: RuleOptions) -> list[dict[str, Any]]:
    """The value of ``groups`` in a rule file, and of ``spec.groups`` of a PrometheusRule.

    Raises:
        ValueError: an expression names a metric or a label that no program exports.
    """
    recorded = recorded_of(options)
    alerts = alerts_of(options)
    names = {rule.name for rules in recorded.values() for rule in rules}
    names |= image_metrics.image_metric_names(options)
    for rules in (*recorded.values(), *alerts.values()):
        for rule in rules:
            check(rule.expression, names)
    groups = [
        {
            "name": f"qudag-mcp-recorded-{group}",
            "rules": [rule.rule(options.namespace) for rule in rules],
        }
        for group, rules in recorded.items()
        if rules
    ]
    return groups + [
        {
            "name": f"qudag-mcp-{group}",
            "rules": [
                rule.rule(
                    namespaces=options.namespaces,
                    runbooks=options.runbooks,
                    grafana=options.grafana,
                    runbooks_namespace=options.runbooks_namespace,
                    labels=options.labels,
                )
                for rule in rules
            ],
        }
        for group, rules in alerts.items()
        if rules
    ]


def recorded_of(options: RuleOptions) -> dict[str, list[RecordingRule]]:
    """The recording rules of a platform by group."""
    return {group: list(made(options)) for group, made in _RECORDED.items()}


def alerts_of(options: RuleOptions) -> dict[str, list[Alert]]:
    """The alerts of a platform by group; the dead man's switch is always there."""
    changes = options.overrides
    kept = {
        group: [
            changes[rule.name].of(rule) if rule.name in changes else rule
            for rule in rules(options)
            if rule.name not in options.disabled
        ]
        for group, rules in _ALERTS.items()
    }
    return {"watchdog": [_watchdog()], **kept}


def _watchdog() -> Alert:
    return Alert(
        name=WATCHDOG,
        severity="none",
        team="platform",
        scope="platform",
        expression="vector(1)",
        duration="0m",
        summary="Alerts arrive",
        description="This alert always fires. What receives it must tell someone when it stops.",
        dashboard="overview",
    )
