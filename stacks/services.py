"""The services of a stack: those of its topology, at the configured scale, and the user's."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from components.kubernetes.flow import Flow
from components.kubernetes.keda import ConsensusLatency, Prometheus
from components.kubernetes.resources import COUNTED
from components.kubernetes.scaling import Autoscaling, Pace
from components.kubernetes.vertical_scaling import (
    ContainerBounds,
    CpuBounds,
    MemoryBounds,
    VerticalScaling,
)
from components.mcp.server_config import P2P

from .audit import with_audit_log
from .backup import with_backups
from .config.scaling import ServiceScale, Vertical
from .config.stack import StackConfig
from .data_kinds import KINDS, in_pods, kind_of
from .gateway_metrics import has_exporter, reads_gateway_metrics
from .identities import with_identities
from .keda_prometheus import keda_prometheus
from .log_flows import with_logs
from .monitoring_flows import with_monitoring
from .topologies import TOPOLOGIES
from .topologies.topology import PEERS, NodeService, ServerService, Service, Topology
from .trace_flows import with_traces
from .user_keys import flows_without_vaults
from .user_servers import with_user_servers
from .valkey import with_store_flows


def topology(config: StackConfig) -> Topology:
    """The configured topology, at the configured scale, with the user's servers.

    Rules and components ask for it twenty times in a preview: the latest one is kept.
    """
    global _latest  # noqa: PLW0603
    latest = _latest
    if latest is None or latest[0] is not config:
        latest = _latest = (config, _made(config))
    return latest[1]


_latest: tuple[StackConfig, Topology] | None = None


def _made(config: StackConfig) -> Topology:
    chosen = TOPOLOGIES[config.topology]
    # A store that runs elsewhere needs nothing of the topology: servers may use it in each.
    used = {store for server in config.cluster_servers.values() for store in server.uses}
    further = [s for s in KINDS if s in used and s not in chosen.data and not in_pods(config, s)]
    data = [*chosen.data, *further]
    asked = keda_prometheus(config)
    at_scale = replace(
        chosen,
        services=[
            scaled(
                service,
                config.scaling.get(service.name),
                asked,
                nodes_of(chosen),
            )
            for service in chosen.services
        ],
        flows=used_flows(chosen, config),
        data=data,
        outside=[store for store in data if not in_pods(config, store)],
    )
    served = with_user_servers(at_scale, config)
    audited = with_store_ports(with_audit_log(served, config), config)
    stored = with_backups(with_store_flows(audited, config), config)
    observed = with_traces(with_logs(with_monitoring(stored, config), config), config)
    return with_identities(observed, config)


def with_store_ports(topology: Topology, config: StackConfig) -> Topology:
    """The topology with flows to the ports that the data stores of the chosen kinds have."""
    ports = {store: kind_of(config, store).port(config) for store in topology.data}
    flows = [replace(f, port=ports.get(f.target, f.port)) for f in topology.flows]
    return replace(topology, flows=flows)


def used_flows(topology: Topology, config: StackConfig) -> list[Flow]:
    """The flows of the topology that something of this configuration uses."""
    network = config.network
    offered = _of_released_nodes(topology, config)
    return [
        flow
        for flow in flows_without_vaults(topology, offered, config)
        if (flow.target != PEERS or network.qudag_peer_addresses)
        and (has_exporter(config) or not reads_gateway_metrics(flow, topology))
        and (flow.source != PEERS or network.qudag_service != "none")
    ]


def _of_released_nodes(topology: Topology, config: StackConfig) -> Sequence[Flow]:
    """The flows, without the tools of nodes that have none: the released program's.

    The servers that such a node would have called are called by its callers.
    """
    if config.images.qudag_profile != "upstream":
        return topology.flows
    nodes = {service.name for service in topology.services if isinstance(service, NodeService)}
    rest = [f for f in topology.flows if f.port == P2P or not {f.source, f.target} & nodes]
    calls = [f for f in topology.flows if f.port == topology.port_of(f.target)]
    offered = [f for f in calls if f.target in nodes]
    wanted = [f for f in calls if f.source in nodes]
    return [*rest, *(replace(f, source=caller.source) for caller in offered for f in wanted)]


def nodes_of(topology: Topology) -> str | None:
    """The QuDAG nodes of a topology."""
    return next((s.name for s in topology.services if isinstance(s, NodeService)), None)


def scaled(
    service: Service,
    scale: ServiceScale | None,
    prometheus: Prometheus | None = None,
    nodes: str | None = None,
) -> Service:
    """The service as the configuration changes its scale and resources."""
    if scale is None:
        return service
    changes = {
        name: value
        for name in (*COUNTED, *(f"{name}_limit" for name in COUNTED))
        if (value := getattr(scale, name)) is not None
    }
    service = replace(service, resources=replace(service.resources, **changes))
    if isinstance(service, ServerService) and scale.workers is not None:
        service = replace(service, workers=scale.workers)
    if scale.vertical is not None:
        service = replace(service, vertical=vertical(scale.vertical))
    if scale.replicas is not None:
        return replace(service, replicas=scale.replicas, scaling=None)
    if fewest := scale.min or scale.max:
        usual = service.scaling or Autoscaling(min=fewest, max=fewest)
        bounds = replace(usual, min=scale.min or usual.min, max=scale.max or usual.max)
        return replace(service, scaling=_as_configured(bounds, scale, prometheus, nodes))
    if service.scaling is not None:
        return replace(service, scaling=_as_configured(service.scaling, scale, prometheus, nodes))
    return service


def vertical(section: Vertical) -> VerticalScaling:
    """The section `vertical` of a service as the component takes it."""
    return VerticalScaling(
        mode=section.mode,
        cpu=CpuBounds(**section.cpu.model_dump()) if section.cpu else None,
        memory=MemoryBounds(**section.memory.model_dump()) if section.memory else None,
        containers={
            name: ContainerBounds(
                cpu=CpuBounds(**one.cpu.model_dump()) if one.cpu else None,
                memory=MemoryBounds(**one.memory.model_dump()) if one.memory else None,
            )
            for name, one in section.containers.items()
        },
        controlled_values=section.controlled_values,
        evict_single_pod=section.evict_single_pod,
    )


def _as_configured(
    scaling: Autoscaling,
    scale: ServiceScale,
    prometheus: Prometheus | None,
    nodes: str | None,
) -> Autoscaling:
    """The autoscaling with the configured targets and metrics, and pace of scaling up and down."""
    paces = {"up": scale.up, "down": scale.down}
    if scale.targets is not None:
        scaling = replace(scaling, **scale.targets.model_dump())
    if scale.asks_prometheus and prometheus:
        target = scale.consensus_latency_milliseconds
        latency = ConsensusLatency(nodes=nodes, milliseconds=target) if nodes and target else None
        scaling = replace(
            scaling,
            metrics=dict(scale.metrics),
            consensus=latency,
            prometheus=prometheus if scale.metrics or latency else None,
        )
    return replace(
        scaling, **{name: Pace(**pace.model_dump()) for name, pace in paces.items() if pace}
    )
