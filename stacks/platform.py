"""The platform, top to bottom as it is drawn: namespace, data, servers, gateway, flows."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pulumi

from components.data_tier import DataTier, DataTierArgs
from components.kubernetes.container import Claim
from components.kubernetes.core import (
    MIGRATION,
    Core,
    CoreArgs,
    MigrationArgs,
    Monolith,
    MonolithArgs,
)
from components.kubernetes.embedded_data import Embedded
from components.kubernetes.flow import FlowPolicies, FlowPoliciesArgs, Neighbour, Outside
from components.kubernetes.gateway import (
    SIDECAR_RESOURCES,
    Gateway,
    GatewayArgs,
    GatewayEngine,
    RateLimit,
    RateLimits,
    Upstream,
)
from components.kubernetes.namespace import ContainerLimits, LockedNamespace, LockedNamespaceArgs
from components.kubernetes.qudag_node import NodeProfile, QudagNode, QudagNodeArgs
from components.kubernetes.server import McpService, ServerArgs
from components.kubernetes.workload import Exposure
from components.mcp.data_contract import CacheProfile
from components.mcp.server_config import Cache, Database, NodeConfig, PodAuth, PodServerConfig
from components.mcp.timeout_budget import TimeoutBudget

from .config.stack import StackConfig
from .required_secrets import required_secrets
from .rules.capacity import services
from .topologies import TOPOLOGIES
from .topologies.topology import (
    CLIENTS,
    ISSUER,
    OPTIONAL_PARTIES,
    PEERS,
    POSTGRES,
    PROMETHEUS,
    VALKEY,
    Role,
    Service,
)

ENVIRONMENT_NAMES = {"dev": "development", "staging": "staging", "prod": "production"}


class Platform:
    """Everything in one namespace: a data tier, the servers of a topology, their flows."""

    def __init__(self, config: StackConfig, provider: pulumi.ProviderResource) -> None:
        self.config = config
        self.environment = ENVIRONMENT_NAMES[config.environment]
        self.options = pulumi.ResourceOptions(providers=[provider])
        self.services = services(config)
        self.budget = TimeoutBudget(
            longest_tool=config.protocol.longest_tool_seconds,
            drain=config.protocol.drain_seconds,
        )

        self.namespace = self._namespace()
        self.data = self._data()
        self.front: Gateway | Monolith | None = None
        for service in self.services:
            self._service(service)
        self._flows()

    def outputs(self) -> dict[str, Any]:
        """What every target that serves MCP returns, and what must exist before it can run."""
        assert self.front is not None
        return {
            "mcp_url": self.front.mcp_url,
            "prm_url": self.front.prm_url,
            "issuer": self.front.issuer,
            "era": self.front.era,
            "audience": self.config.protocol.audience,
            "namespace": self.namespace.namespace,
            "required_secrets": required_secrets(self.config),
        }

    def _namespace(self) -> LockedNamespace:
        kubernetes = self.config.kubernetes
        return LockedNamespace(
            "platform",
            LockedNamespaceArgs(
                name=self.config.namespace,
                labels={"name": self.config.namespace, "environment": self.environment},
                pod_security_version=kubernetes.pod_security_version,
                quota=kubernetes.quota.hard() if kubernetes.quota else {},
                container_limits=ContainerLimits() if kubernetes.container_limits else None,
            ),
            opts=self.options,
        )

    def _data(self) -> DataTier:
        config = self.config
        return DataTier(
            "data",
            DataTierArgs(
                kind=Embedded(
                    namespace=self.namespace.namespace,
                    postgres_image=config.images.postgres,
                    valkey_image=config.images.valkey,
                    passwords_secret=config.secrets.passwords,
                    internal_tls_secret=config.secrets.internal_tls,
                    database_size=config.data.database_size,
                    cache_size=config.data.cache_size,
                    storage_class=config.data.storage_class,
                ),
                cache_profile=CacheProfile(config.data.cache_profile),
                protect=config.data.protect,
            ),
            opts=self.options,
        )

    def _service(self, service: Service) -> None:
        match service.role:
            case Role.GATEWAY:
                upstream = Upstream(host=self._host(Role.CORE))
                gateway = self._gateway(service, upstream)
                self.front = Gateway(service.name, gateway, opts=self.options)
            case Role.MONOLITH:
                self.front = Monolith(service.name, self._monolith(service), opts=self.options)
            case Role.CORE:
                Core(service.name, self._core(service), opts=self.options)
            case Role.QUDAG:
                QudagNode(service.name, self._node(service), opts=self.options)
            case _:
                McpService(service.name, self._server(service), opts=self.options)

    def _gateway(self, service: Service, upstream: Upstream) -> GatewayArgs:
        config = self.config
        limits = config.edge.rate_limits
        network = config.network
        return GatewayArgs(
            namespace=self.namespace.namespace,
            image=config.images.gateway,
            engine=GatewayEngine(config.images.gateway_engine),
            upstream=upstream,
            tls_secret=config.secrets.tls,
            internal_tls_secret=config.secrets.internal_tls,
            issuer=config.protocol.issuer,
            domain=config.domain,
            era=config.protocol.era,
            budget=self.budget,
            rate_limits=(
                RateLimits(
                    **{zone: RateLimit(**limit) for zone, limit in limits.model_dump().items()}
                )
                if limits
                else None
            ),
            tls_minimum=config.edge.tls_minimum,
            max_body=config.edge.max_body,
            exposure=Exposure(
                name="mcp-gateway-service",
                type="LoadBalancer" if config.edge.load_balancer else "ClusterIP",
                allowed_from=() if network.public else network.clients,
                # `up` looks for dev's address itself: a cluster on a desk may give none.
                awaited=config.environment != "dev",
            ),
            replicas=service.replicas,
            scaling=service.scaling,
            rollout=service.rollout,
            resources=service.resources,
            environment=self.environment,
        )

    def _monolith(self, service: Service) -> MonolithArgs:
        # In one pod the gateway has the usual ports; the server beside it moves two up.
        server = self._server(service, node=NodeConfig(), http=8081, https=8444)
        server = replace(server, writable=["/var/lib/qudag"])
        name = f"{service.name}.{self.config.namespace}.svc"
        beside = Upstream(host="127.0.0.1", port=8444, certificate_name=name)
        gateway = replace(self._gateway(service, beside), resources=SIDECAR_RESOURCES)
        return MonolithArgs(core=self._migrated(server), gateway=gateway)

    def _core(self, service: Service) -> CoreArgs:
        data = self.config.data
        claim = Claim(
            name="data",
            path="/var/lib/qudag",
            size=data.core_size,
            access="ReadWriteMany",
            storage_class=data.shared_storage_class,
            protect=data.protect,
        )
        return self._migrated(replace(self._server(service), claims=[claim]))

    def _migrated(self, server: ServerArgs) -> CoreArgs:
        return CoreArgs(
            server=server,
            migration=MigrationArgs(image=self.config.images.server),
            after=[self.data.database],
        )

    def _node(self, service: Service) -> QudagNodeArgs:
        data, images = self.config.data, self.config.images
        server = replace(
            self._server(service, node=NodeConfig()), image=images.qudag_node or images.server
        )
        return QudagNodeArgs(
            server=server,
            profile=NodeProfile(images.qudag_profile),
            size=data.node_size,
            storage_class=data.storage_class,
            protect=data.protect,
        )

    def _server(
        self,
        service: Service,
        *,
        node: NodeConfig | None = None,
        http: int = 8080,
        https: int = 8443,
    ) -> ServerArgs:
        config = self.config
        return ServerArgs(
            namespace=self.namespace.namespace,
            image=config.images.server,
            config=PodServerConfig(
                role=service.role.value,
                auth=PodAuth(
                    issuer=config.protocol.issuer,
                    audience=config.protocol.audience,
                    jwks_url=config.protocol.jwks_url,
                    jwks_secret=None if config.protocol.jwks_url else config.secrets.issuer_keys,
                ),
                era=config.protocol.era,
                budget=self.budget,
                domain=config.domain,
                database=Database(host="postgres-service") if service.uses_database else None,
                cache=Cache(host="redis-service") if service.uses_cache else None,
                node=node,
                http=http,
                https=https,
                log_level="debug" if config.environment == "dev" else "info",
            ),
            passwords_secret=config.secrets.passwords,
            internal_tls_secret=config.secrets.internal_tls,
            replicas=service.replicas,
            scaling=service.scaling,
            rollout=service.rollout,
            resources=service.resources,
            health=service.health,
            readiness=service.readiness,
            environment=self.environment,
        )

    def _host(self, role: Role) -> str:
        name = TOPOLOGIES[self.config.topology].service(role).name
        return f"{name}-service.{self.config.namespace}.svc.cluster.local"

    def _flows(self) -> None:
        network = self.config.network
        clients = ["0.0.0.0/0", "::/0"] if network.public else network.clients
        addresses = {CLIENTS: clients, ISSUER: network.issuer, PEERS: network.qudag_peers}
        outsides = [Outside(name=name, cidrs=cidrs) for name, cidrs in addresses.items() if cidrs]
        neighbours = [
            Neighbour(name=PROMETHEUS, namespace=p.namespace, labels=p.labels)
            for p in ([network.prometheus] if network.prometheus else [])
        ]
        absent = set(OPTIONAL_PARTIES) - {party.name for party in (*outsides, *neighbours)}
        FlowPolicies(
            "flows",
            FlowPoliciesArgs(
                namespace=self.namespace.namespace,
                workloads=[*(s.name for s in self.services), POSTGRES, VALKEY, MIGRATION],
                flows=[
                    flow
                    for flow in TOPOLOGIES[self.config.topology].flows
                    if not {flow.source, flow.target} & absent
                ],
                outsides=outsides,
                neighbours=neighbours,
            ),
            opts=self.options,
        )
