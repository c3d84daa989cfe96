"""Every metric that the platform's programs export for Prometheus.

Rules, autoscalers and the documentation take names from this list. Tests compare it with what the
programs export: a metric that only one of the two has fails them.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from .audit import AUDIT, AUDIT_RESULTS
from .backups import BACKUPS, VOLUMES
from .collectors import LOGS, TRACES
from .egress import EGRESS
from .exported_metric import ExportedMetric, Exporter
from .gateway import GATEWAY
from .log_forwarder import LOG_FORWARDER
from .monitoring import ALERTMANAGER, PROMETHEUS
from .servers import AGES, NODE, PROCESSES, SERVERS, SESSIONS, TOOL_SERVERS, WORKERS
from .stores import POSTGRES, VALKEY
from .trace_store import TRACE_STORE

__all__ = ["EXPORTED", "ExportedMetric", "Exporter", "exported_by"]

_METRICS: Final = (
    *SERVERS,
    *AUDIT,
    *AUDIT_RESULTS,
    *BACKUPS,
    *VOLUMES,
    *AGES,
    *SESSIONS,
    *TOOL_SERVERS,
    *WORKERS,
    *GATEWAY,
    *VALKEY,
    *POSTGRES,
    *EGRESS,
    *LOGS,
    *LOG_FORWARDER,
    *TRACES,
    *TRACE_STORE,
    *PROMETHEUS,
    *ALERTMANAGER,
    *NODE,
    *PROCESSES,
)

EXPORTED: Final[Mapping[str, ExportedMetric]] = {metric.name: metric for metric in _METRICS}
"""Every metric by its name."""


def exported_by(exporter: Exporter) -> dict[str, ExportedMetric]:
    """The metrics of a program by their names."""
    return {name: one for name, one in EXPORTED.items() if exporter in one.exporters}
