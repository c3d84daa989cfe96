"""The collectors of log lines and their store in a topology, and the flows between them."""

from __future__ import annotations

from typing import Final

from components.kubernetes.party import Flow
from components.mcp.server_config import METRICS

from .config.logs import STORES, LogSink
from .config.stack import StackConfig
from .sink_flows import LOG_SINK, has_own_store, sink_port, with_collector
from .topologies.topology import PROMETHEUS, Topology

LOG_COLLECTOR: Final = "log-collector"
LOG_STORE: Final = "log-store"
LOG_FORWARDER: Final = "log-forwarder"
LOG_RETENTION: Final = "log-retention"
STORE_PORT: Final = 9428
FORWARDER_PORT: Final = 4318


def has_log_collector(config: StackConfig) -> bool:
    """Whether collectors read the log files of the stack's pods."""
    return config.observability.logs is not None


def has_log_store(config: StackConfig) -> bool:
    """Whether lines go to a store of the platform's own."""
    return has_own_store(config, config.observability.logs)


def forwarded_sink(config: StackConfig) -> LogSink | None:
    """The Elasticsearch or OpenSearch that lines are forwarded to; None for other sinks."""
    logs = config.observability.logs
    return logs.sink if logs and logs.sink and logs.sink.kind in STORES else None


def has_log_forwarder(config: StackConfig) -> bool:
    """Whether lines are written to Elasticsearch or OpenSearch."""
    return forwarded_sink(config) is not None


def with_logs(topology: Topology, config: StackConfig) -> Topology:
    """The topology with the collectors, and their flow to the store or the sink."""
    logs = config.observability.logs
    if logs is None:
        return topology
    outside = (LOG_SINK, sink_port(logs.sink)) if logs.sink else None
    if outside is None or not has_log_forwarder(config):
        target, port = outside or (LOG_STORE, STORE_PORT)
        flow = Flow(source=LOG_COLLECTOR, target=target, port=port, why="log lines")
        return with_collector(topology, LOG_COLLECTOR, [flow])
    sink, port = outside
    flows = [
        Flow(source=LOG_FORWARDER, target=sink, port=port, why="log lines"),
        Flow(source=LOG_RETENTION, target=sink, port=port, why="retention of log lines"),
        Flow(source=LOG_COLLECTOR, target=LOG_FORWARDER, port=FORWARDER_PORT, why="log lines"),
        Flow(source=LOG_RETENTION, target=LOG_FORWARDER, port=FORWARDER_PORT, why="its last run"),
        Flow(source=PROMETHEUS, target=LOG_FORWARDER, port=METRICS, why="metrics"),
    ]
    return with_collector(topology, LOG_COLLECTOR, flows, [LOG_RETENTION])
