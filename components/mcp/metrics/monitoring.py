"""Metrics of the platform's own Prometheus and Alertmanager about themselves; they have many more.

With the kind `operator` they are those of your monitoring: kube-prometheus-stack brings its alerts.
"""

from __future__ import annotations

from functools import partial
from typing import Final

from .exported_metric import ExportedMetric

_prometheus = partial(ExportedMetric, exporters=("prometheus",))
_alertmanager = partial(ExportedMetric, exporters=("alertmanager",))

PROMETHEUS: Final = (
    _prometheus(
        name="prometheus_rule_evaluation_failures_total",
        kind="counter",
        labels=("rule_group",),
        meaning="Evaluations of rules that have failed.",
    ),
    _prometheus(
        name="prometheus_notifications_errors_total",
        kind="counter",
        labels=("alertmanager",),
        meaning="Alerts that could not be sent to an Alertmanager.",
    ),
    _prometheus(
        name="prometheus_notifications_dropped_total",
        kind="counter",
        labels=("alertmanager",),
        meaning="Alerts that were dropped: no Alertmanager took them, or the queue was full.",
    ),
    _prometheus(
        name="prometheus_config_last_reload_successful",
        kind="gauge",
        meaning="1 if Prometheus could read its configuration the last time.",
    ),
)
ALERTMANAGER: Final = (
    _alertmanager(
        name="alertmanager_notifications_failed_total",
        kind="counter",
        labels=("integration", "reason"),
        meaning="Messages that could not be sent to a receiver, by its kind and the reason.",
    ),
    _alertmanager(
        name="alertmanager_config_last_reload_successful",
        kind="gauge",
        meaning="1 if Alertmanager could read its configuration the last time.",
    ),
)
