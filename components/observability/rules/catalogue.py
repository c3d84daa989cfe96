"""Every alert that a stack may have: what the runbooks and the reference list."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Final, get_args

from .alert import Alert
from .external_exporters import ExternalExporter
from .groups import alerts_of
from .options import MonitoredServer, RuleOptions

FULL_PLATFORM: Final = RuleOptions(
    namespace="mcp",
    further_namespaces=("agents",),
    servers=(
        MonitoredServer(name="engine", era="dual", cores=2, memory_bytes=2 * 1024**3),
        MonitoredServer(name="developer-agent", exports=False),
        MonitoredServer(name="model", exports=False, image_metrics=True),
    ),
    gateway="mcp-gateway",
    engine="engine",
    agents=("developer-agent",),
    nodes="qudag",
    database="postgres-exporter",
    valkey="redis",
    valkey_replicas=2,
    egress="egress-proxy",
    logs="log-collector",
    log_forwarder="log-forwarder",
    traces="trace-collector",
    trace_store="trace-store",
    monitoring="mcp",
    alertmanager=True,
    trace_store_bytes=10 * 1024**3,
    recovery_point_minutes=60,
    drill_hours=168,
    volumes=("models", "uploads"),
    audit=True,
    audit_hours=24,
    exporters=frozenset(get_args(ExternalExporter)),
)
"""A platform with everything that an alert is for, but CloudNativePG in place of PostgreSQL."""
FULL_PLATFORM_WITH_CLOUDNATIVE_PG: Final = replace(
    FULL_PLATFORM,
    database="cloudnative-pg",
    recovery_point_minutes=None,
    drill_hours=None,
    base_backup_minutes=60,
)


def every_alert() -> Mapping[str, Alert]:
    """One alert of each name, in the order of their groups."""
    found: dict[str, Alert] = {}
    for options in (FULL_PLATFORM, FULL_PLATFORM_WITH_CLOUDNATIVE_PG):
        for rules in alerts_of(options).values():
            for rule in rules:
                found.setdefault(rule.name, rule)
    return found
