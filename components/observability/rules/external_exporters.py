"""Metrics in rules that come from programs which the platform does not deploy.

A rule with one of them is rendered only for stacks that say the program is there.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, Literal

ExternalExporter = Literal[
    "kube-state-metrics", "cloudnative-pg", "keda", "cert-manager", "blackbox"
]

EXTERNAL_METRICS: Final[Mapping[ExternalExporter, tuple[str, ...]]] = {
    "kube-state-metrics": (
        "kube_horizontalpodautoscaler_status_desired_replicas",
        "kube_horizontalpodautoscaler_spec_max_replicas",
        "kube_resourcequota",
        "kube_pod_container_status_waiting_reason",
    ),
    "cloudnative-pg": (
        "cnpg_pg_replication_lag",
        "cnpg_backends_total",
        "cnpg_pg_settings_setting",
        "cnpg_collector_up",
        "cnpg_pg_stat_archiver_last_archived_time",
        "cnpg_pg_stat_archiver_last_failed_time",
        "barman_cloud_cloudnative_pg_io_last_available_backup_timestamp",
        "barman_cloud_cloudnative_pg_io_last_failed_backup_timestamp",
    ),
    "keda": ("keda_scaler_errors_total",),
    "cert-manager": ("certmanager_certificate_expiration_timestamp_seconds",),
    "blackbox": ("probe_success", "probe_ssl_earliest_cert_expiry"),
}
"""By exporter. CloudNativePG exports those of its Barman Cloud plugin as well."""

EXTERNAL_METRIC_NAMES: Final = frozenset(
    name for names in EXTERNAL_METRICS.values() for name in names
)

EXTERNAL_LABELS: Final = frozenset(
    {
        *("container", "reason", "uid"),
        *("horizontalpodautoscaler", "resource", "resourcequota", "type"),
        *("application_name", "datname", "name", "state", "usename"),
        *("metric", "scaledObject", "scaler", "scalerIndex", "triggerIndex"),
        *("issuer_group", "issuer_kind", "issuer_name"),
        *("endpoint", "node", "service", "target"),
    }
)
"""Labels of these metrics, and those that the Prometheus Operator gives to what it scrapes."""
