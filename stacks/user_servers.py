"""The user's servers as services of the topology, with their flows."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from components.kubernetes.image_metrics import IMAGE_METRICS
from components.kubernetes.party import Flow
from components.kubernetes.resources import Resources
from components.kubernetes.scaling import Autoscaling
from components.mcp.server_config import HTTPS

from .agentgateway import agentgateway_flows, asks_an_authorizer
from .config.servers import Server
from .config.stack import StackConfig
from .egress import egress_flows, egress_proxies
from .topologies.topology import PROMETHEUS, STORES, Topology, UserService


def with_user_servers(topology: Topology, config: StackConfig) -> Topology:
    """The topology and, after its own services, those of the section ``servers``."""
    added = [user_service(name, server, config) for name, server in config.cluster_servers.items()]
    return replace(
        topology,
        services=[*topology.services, *added, *egress_proxies(config)],
        flows=[
            *topology.flows,
            *_flows(topology, config),
            *agentgateway_flows(topology, config),
            *egress_flows(config),
        ],
    )


def user_service(name: str, server: Server, config: StackConfig) -> UserService:
    """One server at its configured scale."""
    usual = 1 if config.environment == "dev" or server.storage else 2
    scale = server.scale
    return UserService(
        name=name,
        replicas=server.replicas or usual,
        scaling=Autoscaling(**scale.model_dump()) if scale else None,
        resources=Resources(**server.resources.model_dump()),
    )


def is_federated(server: Server) -> bool:
    """Whether its tools are in the list at /mcp; not if it checks tokens itself."""
    return server.auth == "gateway"


def _flows(topology: Topology, config: StackConfig) -> Iterator[Flow]:
    front, core, authorizer = topology.front.service, topology.front.upstream, topology.authorizer
    for name, server in config.cluster_servers.items():
        if server.exposed:
            yield Flow(source=front, target=name, port=HTTPS, why="MCP")
        if is_federated(server) and core != front:
            yield Flow(source=core, target=name, port=HTTPS, why="tool calls")
        for other in server.calls:
            yield Flow(source=name, target=other, port=HTTPS, why="calls")
        for store in server.uses:
            yield Flow(source=name, target=store, port=STORES[store], why="data")
        if server.metrics:
            yield Flow(source=PROMETHEUS, target=name, port=IMAGE_METRICS, why="metrics")
    if asks_an_authorizer(config) and authorizer and front != authorizer != core:
        port = topology.port_of(authorizer)
        yield Flow(source=front, target=authorizer, port=port, why="checks of tokens")
