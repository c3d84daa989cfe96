"""The collectors of log lines and their store in a topology, and the flows between them."""

from __future__ import annotations

from dataclasses import replace
from typing import Final
from urllib.parse import urlsplit

from components.kubernetes.party import Flow, Outside

from .config.stack import StackConfig
from .topologies.topology import PROMETHEUS, Topology

LOG_COLLECTOR: Final = "log-collector"
LOG_STORE: Final = "log-store"
SINK: Final = "log-sink"
"""Name of the sink outside the platform, in flows."""
STORE_PORT: Final = 9428
COLLECTOR_METRICS: Final = 8888


def has_log_collector(config: StackConfig) -> bool:
    """Whether collectors read the log files of the stack's pods."""
    return config.observability.logs is not None


def has_log_store(config: StackConfig) -> bool:
    """Whether lines go to a store of the platform's own."""
    logs = config.observability.logs
    return logs is not None and logs.sink is None and config.observability.kind == "standalone"


def with_logs(topology: Topology, config: StackConfig) -> Topology:
    """The topology with the collectors, and their flow to the store or the sink."""
    logs = config.observability.logs
    if logs is None:
        return topology
    target, port = (SINK, sink_port(logs.sink.url)) if logs.sink else (LOG_STORE, STORE_PORT)
    flows = [
        Flow(source=LOG_COLLECTOR, target=target, port=port, why="log lines"),
        Flow(source=PROMETHEUS, target=LOG_COLLECTOR, port=COLLECTOR_METRICS, why="metrics"),
    ]
    return replace(
        topology,
        collectors=[*topology.collectors, LOG_COLLECTOR],
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
