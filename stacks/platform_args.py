"""The args of every component of a platform, from the configuration and the topology.

``platform.py`` registers components with them; ``rules/capacity.py`` counts what they would make.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import pulumi

from components.base.inputs import applied
from components.kubernetes.core import Core, CoreArgs, MigrationArgs, Monolith, MonolithArgs
from components.kubernetes.embedded_data import EmbeddedDataTierArgs
from components.kubernetes.gateway import (
    SIDECAR_RESOURCES,
    Gateway,
    GatewayArgs,
    GatewayEngine,
    RateLimit,
    RateLimits,
    Upstream,
)
from components.kubernetes.pod_settings import PodSettings
from components.kubernetes.qudag_node import NodeProfile, PeerService, QudagNode, QudagNodeArgs
from components.kubernetes.server import McpService, ServerArgs
from components.kubernetes.workload import Exposure
from components.mcp.auth import PodAuth
from components.mcp.data_tier import CacheProfile
from components.mcp.server_config import (
    DATA_PATH,
    HTTP,
    HTTPS,
    NodeConfig,
    PodServerConfig,
    ToolServer,
)
from components.mcp.timeout_budget import TimeoutBudget

from .config.stack import StackConfig
from .pod_settings import pod_settings
from .store_args import cache, database
from .token_rules import token_rules
from .topologies.topology import (
    MONOLITH_HTTP,
    MONOLITH_HTTPS,
    POSTGRES,
    VALKEY,
    CoreService,
    GatewayService,
    MonolithService,
    NodeService,
    ServerService,
    Service,
    Topology,
)

ENVIRONMENT_NAMES = {"dev": "development", "staging": "staging", "prod": "production"}

PEER_SERVICES = {
    "none": PeerService.NONE,
    "load-balancer": PeerService.LOAD_BALANCER,
    "node-port": PeerService.NODE_PORT,
}

ServiceComponent = Gateway | Monolith | Core | QudagNode | McpService


@dataclass(frozen=True, kw_only=True)
class Addresses:
    """Addresses by which components connect to each other: outputs, or plain text for counting.

    Attributes:
        namespace: of the platform.
        database_host, cache_host: of the data stores that the topology has.
        database: what a migration waits for.
        upstream_host: of the server behind the front.
    """

    namespace: pulumi.Input[str]
    database_host: pulumi.Input[str] = ""
    cache_host: pulumi.Input[str] = ""
    database: Sequence[pulumi.Resource] = ()
    upstream_host: pulumi.Input[str] = ""


@dataclass(frozen=True)
class PlatformArgs:
    """Args of the components of one platform.

    Attributes:
        config: the stack's.
        topology: at the configured scale.
        budget: the timeouts of its servers.
    """

    config: StackConfig
    topology: Topology
    budget: TimeoutBudget

    def data_tier(self, namespace: pulumi.Input[str]) -> EmbeddedDataTierArgs | None:
        """The data stores of the topology; None where it has none."""
        data, images = self.config.data, self.config.images
        stores = self.topology.data
        if not stores:
            return None
        return EmbeddedDataTierArgs(
            namespace=namespace,
            postgres_image=images.postgres if POSTGRES in stores else None,
            valkey_image=images.valkey if VALKEY in stores else None,
            passwords_secret=self.config.secrets.passwords,
            postgres_tls_secret=self.config.secrets.internal_tls_of(POSTGRES),
            valkey_tls_secret=self.config.secrets.internal_tls_of(VALKEY),
            database_size=data.database_size,
            cache_size=data.cache_size,
            storage_class=data.storage_class,
            cache_profile=CacheProfile(data.cache_profile),
            protect=data.protect,
            ip_families=self.config.kubernetes.ip_families,
            postgres_pods=pod_settings(self.config, POSTGRES),
            valkey_pods=pod_settings(self.config, VALKEY),
        )

    def component(self, service: Service, at: Addresses) -> tuple[type[ServiceComponent], Any]:
        """The component that makes ``service``, and its args."""
        match service:
            case GatewayService():
                return Gateway, self._gateway(service, Upstream(host=at.upstream_host), at)
            case MonolithService():
                return Monolith, self._monolith(service, at)
            case CoreService():
                return Core, self._core(service, at)
            case NodeService():
                return QudagNode, self._node(service, at)
            case ServerService():
                return McpService, self._server(service, at)
            case _:
                raise TypeError(f"no component makes a {type(service).__name__}")

    def _gateway(self, service: Service, upstream: Upstream, at: Addresses) -> GatewayArgs:
        config = self.config
        limits = config.edge.rate_limits
        network = config.network
        return GatewayArgs(
            namespace=at.namespace,
            image=config.images.gateway,
            engine=GatewayEngine(config.images.gateway_engine),
            upstream=upstream,
            tls_secret=config.secrets.tls,
            internal_ca_secret=config.secrets.internal_ca,
            issuer=config.protocol.issuer,
            domain=config.domain,
            era=config.protocol.era,
            stored_sessions=self.topology.uses(self.topology.front.upstream, VALKEY),
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
            trusted_proxies=config.edge.trusted_proxies,
            proxy_protocol=config.edge.proxy_protocol,
            allowed_origins=config.protocol.allowed_origins,
            hsts_preload=config.edge.hsts_preload,
            exposure=Exposure(
                name=self.topology.front.service_name,
                type="LoadBalancer" if config.edge.load_balancer else "ClusterIP",
                allowed_from=() if network.public else network.clients,
                # `up` looks for dev's address itself: a cluster on a desk may give none.
                awaited=config.environment != "dev",
                annotations=config.edge.annotations,
                ip_families=config.kubernetes.ip_families,
                **self._load_balancer(),
            ),
            replicas=service.replicas,
            scaling=service.scaling,
            rollout=service.rollout,
            resources=service.resources,
            environment=ENVIRONMENT_NAMES[config.environment],
            pods=pod_settings(config, service.name),
        )

    def _load_balancer(self) -> dict[str, Any]:
        edge = self.config.edge
        if not edge.load_balancer:
            return {}
        # On the internet only if a field says so.
        internal = edge.internal if edge.internal is not None else not self.config.network.public
        return {
            "internal": internal,
            "load_balancer_class": edge.load_balancer_class,
            "node_ports": edge.node_ports,
        }

    def _monolith(self, service: MonolithService, at: Addresses) -> MonolithArgs:
        server = self._server(
            service, at, node=NodeConfig(), http=MONOLITH_HTTP, https=MONOLITH_HTTPS
        )
        server = replace(server, writable=[DATA_PATH])
        upstream = Upstream(
            host="127.0.0.1",
            port=MONOLITH_HTTPS,
            certificate_name=f"{service.name}.{self.config.namespace}.svc",
        )
        gateway = replace(
            self._gateway(service, upstream, at), resources=SIDECAR_RESOURCES, pods=PodSettings()
        )
        return MonolithArgs(core=self._migrated(service, server, at), gateway=gateway)

    def _core(self, service: CoreService, at: Addresses) -> CoreArgs:
        return self._migrated(service, self._server(service, at), at)

    def _migrated(self, service: Service, server: ServerArgs, at: Addresses) -> CoreArgs:
        job = self.topology.migration_of(service.name)
        if job is None:
            return CoreArgs(server=server)
        image = self.config.images.server
        pods = pod_settings(self.config, job.name)
        migration = MigrationArgs(image=image, name=job.name, pods=pods)
        return CoreArgs(server=server, migration=migration, after=at.database)

    def _node(self, service: NodeService, at: Addresses) -> QudagNodeArgs:
        data, images, network = self.config.data, self.config.images, self.config.network
        server = self._server(service, at, node=NodeConfig())
        return QudagNodeArgs(
            server=replace(server, image=images.qudag_node or images.server),
            profile=NodeProfile(images.qudag_profile),
            size=data.node_size,
            storage_class=data.storage_class,
            protect=data.protect,
            peers=network.qudag_peer_addresses,
            peer_service=PEER_SERVICES[network.qudag_service],
            peers_from=network.qudag_peers if network.qudag_service != "none" else (),
        )

    def _server(
        self,
        service: ServerService,
        at: Addresses,
        *,
        node: NodeConfig | None = None,
        http: int = HTTP,
        https: int = HTTPS,
    ) -> ServerArgs:
        config = self.config
        uses_database = self.topology.uses(service.name, POSTGRES)
        uses_cache = self.topology.uses(service.name, VALKEY)
        return ServerArgs(
            namespace=at.namespace,
            image=config.images.server,
            config=PodServerConfig(
                role=service.role,
                auth=PodAuth(
                    **token_rules(config.protocol),
                    jwks_ca_secret=config.secrets.issuer_ca,
                    jwks_url=config.protocol.jwks_url,
                    jwks_secret=None if config.protocol.jwks_url else config.secrets.issuer_keys,
                ),
                era=config.protocol.era,
                budget=self.budget,
                domain=config.domain,
                database=(
                    database(config.data, _short(at.database_host, at)) if uses_database else None
                ),
                cache=cache(config.data, _short(at.cache_host, at)) if uses_cache else None,
                node=node,
                tool_servers=[
                    ToolServer(
                        name=other.name.removeprefix("mcp-"),
                        host=f"{other.name}-service",
                        era=config.protocol.era,
                    )
                    for other in self.topology.tool_servers(service.name)
                ],
                http=http,
                https=https,
                allowed_origins=config.protocol.allowed_origins,
                json_answers=config.protocol.json_answers,
                log_level=config.log_level,
                limits=config.limits.of_servers(config.edge.max_body),
                proxies_in_front=int(service.name == self.topology.front.upstream),
                workers=service.workers,
            ),
            passwords_secret=config.secrets.passwords,
            internal_tls_secret=config.secrets.internal_tls_of(service.name),
            internal_ca_secret=config.secrets.internal_ca,
            replicas=service.replicas,
            scaling=service.scaling,
            rollout=service.rollout,
            resources=service.resources,
            health=service.health,
            readiness=service.readiness,
            environment=ENVIRONMENT_NAMES[config.environment],
            ip_families=config.kubernetes.ip_families,
            pods=pod_settings(config, service.name),
        )


def _short(host: pulumi.Input[str], at: Addresses) -> pulumi.Input[str]:
    """The name by which pods of the namespace call ``host``: without the namespace's own domain."""

    def shortened(host: str, namespace: str) -> str:
        return host.removesuffix(f".{namespace}.svc")

    return applied(shortened, host, at.namespace)
