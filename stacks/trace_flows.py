"""The collector of traces and its store in a topology, and the flows of spans."""

from __future__ import annotations

from typing import Final

from components.kubernetes.party import Flow

from .config.stack import StackConfig
from .sink_flows import COLLECTOR_METRICS, TRACE_SINK, has_own_store, sink_port, with_collector
from .topologies.topology import (
    PROMETHEUS,
    GatewayService,
    NodeService,
    ServerService,
    Service,
    Topology,
    UserService,
)

TRACE_COLLECTOR: Final = "trace-collector"
TRACE_STORE: Final = "trace-store"
SPANS: Final = 4318
"""Port of the collector and of the store for OTLP over HTTP."""
TRACE_QUERY: Final = 16686
"""Port of the store's API, which Grafana asks."""


def has_traces(config: StackConfig) -> bool:
    """Whether the gateway and servers make spans."""
    return config.observability.traces is not None


def has_trace_store(config: StackConfig) -> bool:
    """Whether traces go to a store of the platform's own."""
    return has_own_store(config, config.observability.traces)


def sends_spans(config: StackConfig, service: Service) -> bool:
    """Whether the program of a service sends spans, in a stack with traces.

    Those are the exporter beside nginx, agentgateway, what reads server.toml, and servers of users
    with ``traces``.
    """
    match service:
        case GatewayService():
            return config.images.gateway_engine != "image"
        case NodeService():
            return config.images.qudag_node is None
        case ServerService():
            return True
        case UserService():
            return config.servers[service.name].traces
        case _:
            return False


def with_traces(topology: Topology, config: StackConfig) -> Topology:
    """The topology with the collector, and the flows of spans to it and from it."""
    traces = config.observability.traces
    if traces is None:
        return topology
    outside = (TRACE_SINK, sink_port(traces.sink)) if traces.sink else None
    target, port = outside or (TRACE_STORE, SPANS)
    flows = [
        *(
            Flow(source=service.name, target=TRACE_COLLECTOR, port=SPANS, why="spans")
            for service in topology.services
            if sends_spans(config, service)
        ),
        Flow(source=TRACE_COLLECTOR, target=target, port=port, why="traces"),
    ]
    if has_trace_store(config):
        flows.append(
            Flow(source=PROMETHEUS, target=TRACE_STORE, port=COLLECTOR_METRICS, why="metrics")
        )
    return with_collector(topology, TRACE_COLLECTOR, flows)
