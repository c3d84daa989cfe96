"""The collector of traces and its store in a topology, and the flows of spans."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from components.kubernetes.party import Flow, Outside

from .config.stack import StackConfig
from .log_flows import sink_port
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
SINK: Final = "trace-sink"
"""Name of the sink outside the platform, in flows."""
SPANS: Final = 4318
"""Port of the collector and of the store for OTLP over HTTP."""
COLLECTOR_METRICS: Final = 8888
TRACE_QUERY: Final = 16686
"""Port of the store's API, which Grafana asks."""


def has_traces(config: StackConfig) -> bool:
    """Whether the gateway and servers make spans."""
    return config.observability.traces is not None


def has_trace_store(config: StackConfig) -> bool:
    """Whether traces go to a store of the platform's own."""
    traces = config.observability.traces
    own = config.observability.kind == "standalone"
    return traces is not None and traces.sink is None and own


def makes_spans(config: StackConfig, service: Service) -> bool:
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
    target, port = (SINK, sink_port(traces.sink.url)) if traces.sink else (TRACE_STORE, SPANS)
    flows = [
        *(
            Flow(source=service.name, target=TRACE_COLLECTOR, port=SPANS, why="spans")
            for service in topology.services
            if makes_spans(config, service)
        ),
        Flow(source=TRACE_COLLECTOR, target=target, port=port, why="traces"),
        Flow(source=PROMETHEUS, target=TRACE_COLLECTOR, port=COLLECTOR_METRICS, why="metrics"),
    ]
    return replace(
        topology,
        collectors=[*topology.collectors, TRACE_COLLECTOR],
        flows=[*topology.flows, *flows],
    )


def trace_parties(config: StackConfig) -> list[Outside]:
    """Where the sink is."""
    traces = config.observability.traces
    if traces is None or traces.sink is None:
        return []
    return [Outside(name=SINK, cidrs=traces.sink.networks)]
