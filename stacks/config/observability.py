"""Section `observability`: what the servers log, and where their metrics can be asked for."""

from __future__ import annotations

from pydantic import Field

from components.mcp.server_config import LogLevel

from .forms import PrometheusUrl
from .pods import SecretKey
from .section import Section


class PrometheusApi(Section):
    """The Prometheus that KEDA queries for the metrics of scaling.<service>.metrics."""

    address: PrometheusUrl = Field(
        description="Its URL; plain HTTP for a Service of the cluster alone."
    )
    token: SecretKey | None = Field(
        default=None, description="Bearer token; absent: no authentication."
    )
    ca: SecretKey | None = Field(
        default=None,
        description="Authority that signs its certificate, with token; absent: a public one.",
    )


class Observability(Section):
    """What the servers of every target log, and where their metrics can be asked for."""

    log_level: LogLevel | None = Field(
        default=None,
        description="Least severe events that servers log; absent: debug in dev, else info.",
    )
    prometheus: PrometheusApi | None = Field(
        default=None, description="What KEDA queries; absent: nothing is scaled by metrics."
    )
