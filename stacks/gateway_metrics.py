"""The exporter of the gateway's metrics in a stack."""

from __future__ import annotations

from components.kubernetes.gateway_metrics import MONOLITH_METRICS, GatewayMetrics
from components.kubernetes.party import Flow
from components.mcp.server_config import METRICS
from components.mcp.traces import TraceReceiver

from .config.stack import StackConfig
from .topologies.topology import PROMETHEUS, GatewayService, MonolithService, Topology


def gateway_metrics(
    config: StackConfig,
    service: GatewayService | MonolithService,
    traces: TraceReceiver | None = None,
) -> GatewayMetrics | None:
    """The exporter beside nginx; None where nobody may read what it exports, and it sends no spans.

    Args:
        config: the stack's.
        service: the gateway, or a monolith.
        traces: what gets its spans; None: it makes none.
    """
    if not has_exporter(config) or (config.scraper is None and traces is None):
        return None
    port = MONOLITH_METRICS if isinstance(service, MonolithService) else METRICS
    return GatewayMetrics(image=config.images.server, port=port, traces=traces)


def has_exporter(config: StackConfig) -> bool:
    """Whether the gateway's program is one that the exporter can count for."""
    return config.images.gateway_engine == "nginx"


def reads_gateway_metrics(flow: Flow, topology: Topology) -> bool:
    """Whether Prometheus reads the gateway's metrics by a flow."""
    monoliths = {s.name for s in topology.services if isinstance(s, MonolithService)}
    gateways = {s.name for s in topology.services if isinstance(s, GatewayService)}
    return flow.source == PROMETHEUS and (
        (flow.target in gateways and flow.port == METRICS)
        or (flow.target in monoliths and flow.port == MONOLITH_METRICS)
    )
