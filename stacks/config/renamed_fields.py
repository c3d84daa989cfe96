"""Fields whose names have changed, for the message about an old one."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

RENAMED: Final[Mapping[str, str]] = {
    "observability.logs.queue": "queueBytes",
    "observability.operator.prober": "blackboxExporter",
    "observability.standalone.grafana.signIn.authority": "ca",
    "observability.standalone.probes.authority": "ca",
    "observability.standalone.probes.token.authority": "ca",
    "observability.traces.percent": "sampledPercent",
    "observability.traces.queue": "queueBytes",
    "observability.traces.waiting": "maxWaitingTraces",
}
"""The new name of each field by its old path."""
