"""The collectors of log lines and their store in a topology, and the flows between them."""

from __future__ import annotations

from dataclasses import replace
from typing import Final
from urllib.parse import urlsplit

from components.kubernetes.party import Flow, Outside

from .config.logs import STORES, LogSink
from .config.stack import StackConfig
from .topologies.topology import PROMETHEUS, Topology

LOG_COLLECTOR: Final = "log-collector"
LOG_STORE: Final = "log-store"
LOG_FORWARDER: Final = "log-forwarder"
LOG_RETENTION: Final = "log-retention"
SINK: Final = "log-sink"
"""Name of the sink outside the platform, in flows."""
STORE_PORT: Final = 9428
FORWARDER_PORT: Final = 4318
COLLECTOR_METRICS: Final = 8888


def has_log_collector(config: StackConfig) -> bool:
    """Whether collectors read the log files of the stack's pods."""
    return config.observability.logs is not None


def has_log_store(config: StackConfig) -> bool:
    """Whether lines go to a store of the platform's own."""
    logs = config.observability.logs
    return logs is not None and logs.sink is None and config.observability.kind == "standalone"


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
    outside = (SINK, sink_port(logs.sink.url)) if logs.sink else None
    forwards = has_log_forwarder(config)
    target, port = (
        (LOG_FORWARDER, FORWARDER_PORT) if forwards else outside or (LOG_STORE, STORE_PORT)
    )
    writers = {LOG_FORWARDER: "log lines", LOG_RETENTION: "retention of log lines"}
    flows = [
        *(
            Flow(source=name, target=outside[0], port=outside[1], why=why)
            for name, why in writers.items()
            if outside and forwards
        ),
        Flow(source=LOG_COLLECTOR, target=target, port=port, why="log lines"),
        Flow(source=PROMETHEUS, target=LOG_COLLECTOR, port=COLLECTOR_METRICS, why="metrics"),
    ]
    return replace(
        topology,
        collectors=[*topology.collectors, LOG_COLLECTOR],
        scheduled=[*topology.scheduled, *([LOG_RETENTION] if forwards else [])],
        flows=[*topology.flows, *flows],
    )


def log_parties(config: StackConfig) -> list[Outside]:
    """Where the sink is."""
    logs = config.observability.logs
    if logs is None or logs.sink is None:
        return []
    return [Outside(name=SINK, cidrs=logs.sink.networks)]


def sink_port(url: str) -> int:
    """The port of an https URL."""
    return urlsplit(url).port or 443
