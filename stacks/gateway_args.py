"""The args of the gateway of a platform, with its routes to the user's servers."""

from __future__ import annotations

from typing import Any

from components.kubernetes.gateway import (
    GatewayArgs,
    GatewayEngine,
    RateLimit,
    RateLimits,
)
from components.kubernetes.upstream import Upstream
from components.kubernetes.workload import Exposure
from components.mcp.timeout_budget import TimeoutBudget

from .addresses import Addresses
from .agentgateway import (
    asks_an_authorizer,
    gateway_image,
    has_agentgateway,
    token_checks,
)
from .config.stack import StackConfig
from .gateway_metrics import gateway_metrics
from .pod_settings import pod_settings
from .topologies.topology import VALKEY, GatewayService, MonolithService, Topology
from .traces import trace_receiver
from .user_server_args import routes


def gateway_args(
    config: StackConfig,
    topology: Topology,
    service: GatewayService | MonolithService,
    budget: TimeoutBudget,
    at: Addresses,
) -> GatewayArgs:
    """The args of the gateway that ``service`` is or contains."""
    limits = config.edge.rate_limits
    network = config.network
    return GatewayArgs(
        namespace=at.namespace,
        image=gateway_image(config),
        engine=GatewayEngine(config.images.gateway_engine),
        upstream=_upstream(config, topology, topology.front.upstream, at),
        tls_secret=config.secrets.tls,
        internal_ca_secret=config.secrets.internal_ca,
        issuer=config.protocol.issuer,
        domain=config.domain,
        additional_domains=config.additional_domains,
        era=config.protocol.era,
        stored_sessions=topology.uses(topology.front.upstream, VALKEY),
        budget=budget,
        rate_limits=(
            RateLimits(**{zone: RateLimit(**limit) for zone, limit in limits.model_dump().items()})
            if limits
            else None
        ),
        tls_minimum=config.edge.tls_minimum,
        max_body=config.edge.max_body,
        trusted_proxies=config.edge.trusted_proxies,
        proxy_protocol=config.edge.proxy_protocol,
        allowed_origins=config.protocol.allowed_origins,
        hsts_preload=config.edge.hsts_preload,
        exposure=Exposure(
            name=topology.front.service_name,
            type="LoadBalancer" if config.edge.load_balancer else "ClusterIP",
            allowed_from=() if network.public else network.clients,
            # `up` looks for dev's address itself: a cluster on a desk may give none.
            awaited=config.environment != "dev",
            annotations=config.edge.annotations,
            ip_families=config.kubernetes.ip_families,
            **_load_balancer(config),
        ),
        replicas=service.replicas,
        scaling=service.scaling,
        vertical=service.vertical,
        rollout=service.rollout,
        resources=service.resources,
        environment=config.environment_name,
        pods=pod_settings(config, service.name),
        routes=routes(config, at),
        authorizer=(
            _upstream(config, topology, topology.authorizer, at)
            if topology.authorizer and asks_an_authorizer(config)
            else None
        ),
        agentgateway=token_checks(config),
        metrics=gateway_metrics(config, service, trace_receiver(config, service)),
        traces=trace_receiver(config, service) if has_agentgateway(config) else None,
    )


def _upstream(config: StackConfig, topology: Topology, server: str, at: Addresses) -> Upstream:
    """A reference server; that of a monolith is in the gateway's own pods."""
    port = topology.port_of(server)
    if server != topology.front.service:
        return Upstream(host=at.host(server), port=port)
    return Upstream(
        host="127.0.0.1",
        port=port,
        certificate_name=f"{server}.{config.namespace}.svc",
    )


def _load_balancer(config: StackConfig) -> dict[str, Any]:
    edge = config.edge
    if not edge.load_balancer:
        return {}
    # On the internet only if a field says so.
    internal = edge.internal if edge.internal is not None else not config.network.public
    return {
        "internal": internal,
        "load_balancer_class": edge.load_balancer_class,
        "node_ports": edge.node_ports,
    }
