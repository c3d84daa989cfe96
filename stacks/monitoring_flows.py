"""The workloads of monitoring in a topology, and the flows of the platform's own Prometheus."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from components.kubernetes.cloudnative_pg_policies import (
    METRICS,
    POOLER_METRICS,
    instance_pods,
    pooler_pods,
)
from components.kubernetes.party import Flow, Neighbour

from .config.stack import StackConfig
from .data_kinds import kind_of
from .monitoring import (
    GRAFANA,
    KEDA,
    PROMETHEUS_PORT,
    has_own_grafana,
    has_own_prometheus,
    monitoring_workloads,
    own_keda,
    own_sign_in,
)
from .placement import placement
from .probes import probe_flows
from .topologies.topology import ISSUER, POSTGRES, PROMETHEUS, Topology
from .trace_flows import TRACE_QUERY, TRACE_STORE, has_trace_store


def with_monitoring(topology: Topology, config: StackConfig) -> Topology:
    """The topology with what reads metrics, and the flows to what has them."""
    workloads = monitoring_workloads(config)
    monitored = replace(
        topology, monitoring=[*topology.monitoring, *(one.name for one in workloads)]
    )
    if not has_own_prometheus(config):
        return monitored
    flows = [
        *(
            Flow(source=PROMETHEUS, target=one.name, port=one.metrics, why=one.why)
            for one in workloads
            if one.metrics is not None
        ),
        *(
            Flow(source=PROMETHEUS, target=name, port=port, why="metrics")
            for name, (_, port) in _of_cloudnative_pg(config, topology).items()
        ),
    ]
    if has_own_grafana(config):
        flows.append(Flow(source=GRAFANA, target=PROMETHEUS, port=PROMETHEUS_PORT, why="queries"))
        if has_trace_store(config):
            flows.append(Flow(source=GRAFANA, target=TRACE_STORE, port=TRACE_QUERY, why="traces"))
    if own_sign_in(config):
        # It stands for one to each port of the issuer's keys.
        flows.append(Flow(source=GRAFANA, target=ISSUER, port=443, why="sign-in"))
    if own_keda(config):
        flows.append(Flow(source=KEDA, target=PROMETHEUS, port=PROMETHEUS_PORT, why="scaling"))
    return replace(monitored, flows=[*topology.flows, *flows, *probe_flows(config, topology)])


def operator_pods(config: StackConfig, topology: Topology) -> list[Neighbour]:
    """The pods of CloudNativePG that Prometheus reads, and those of KEDA that query it."""
    if PROMETHEUS not in topology.monitoring:
        return []
    namespace = placement(config).of(POSTGRES)
    keda = own_keda(config)
    return [
        *(
            Neighbour(name=name, namespace=namespace, labels=labels)
            for name, (labels, _) in _of_cloudnative_pg(config, topology).items()
        ),
        *([Neighbour(name=KEDA, namespace=keda.namespace, labels=keda.labels)] if keda else []),
    ]


def _of_cloudnative_pg(
    config: StackConfig, topology: Topology
) -> Mapping[str, tuple[Mapping[str, str], int]]:
    """Labels of pods and the port of their metrics, by a name for flows."""
    if POSTGRES not in topology.data or kind_of(config, POSTGRES).name != "cloudnative-pg":
        return {}
    found: dict[str, tuple[Mapping[str, str], int]] = {
        f"{POSTGRES}-servers": (instance_pods(POSTGRES), METRICS)
    }
    if config.data.cloudnative_pg and config.data.cloudnative_pg.pooler:
        found[f"{POSTGRES}-poolers"] = (pooler_pods(POSTGRES), POOLER_METRICS)
    return found
