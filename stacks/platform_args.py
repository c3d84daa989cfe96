"""The args of every component of a platform, from the configuration and the topology.

``platform.py`` registers components with them; ``rules/capacity.py`` counts what they would make.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

from components.kubernetes.core import Core, CoreArgs, MigrationArgs, Monolith, MonolithArgs
from components.kubernetes.egress_proxy import EgressProxy
from components.kubernetes.gateway import (
    SIDECAR_RESOURCES,
    Gateway,
    GatewayArgs,
)
from components.kubernetes.pod_settings import PodSettings
from components.kubernetes.qudag_node import NodeProfile, PeerService, QudagNode, QudagNodeArgs
from components.kubernetes.server import McpService, ServerArgs
from components.kubernetes.user_server import UserServer
from components.mcp.auth import PodAuth
from components.mcp.server_config import (
    DATA_PATH,
    NodeConfig,
    PodServerConfig,
    ToolServer,
)
from components.mcp.timeout_budget import TimeoutBudget

from .addresses import Addresses
from .agentgateway import asks_an_authorizer
from .audit import audit_log, audit_owner
from .config.stack import StackConfig
from .egress import egress_proxy_args, egress_variables
from .gateway_args import gateway_args
from .placement import placement
from .pod_settings import pod_settings
from .store_args import cache, database
from .token_rules import token_rules
from .topologies.topology import (
    POSTGRES,
    VALKEY,
    CoreService,
    EgressProxyService,
    GatewayService,
    MonolithService,
    NodeService,
    ServerService,
    Service,
    Topology,
    UserService,
)
from .traces import trace_receiver
from .user_keys import master_keys_of
from .user_server_args import protected_resources, tool_servers, user_server_args

PEER_SERVICES = {
    "none": PeerService.NONE,
    "load-balancer": PeerService.LOAD_BALANCER,
    "node-port": PeerService.NODE_PORT,
}

ServiceComponent = Gateway | Monolith | Core | QudagNode | McpService | UserServer | EgressProxy


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

    def component(  # noqa: PLR0911  (one for each kind)
        self, service: Service, at: Addresses
    ) -> tuple[type[ServiceComponent], Any]:
        """The component that makes ``service``, and its args."""
        match service:
            case GatewayService():
                return Gateway, self._gateway(service, at)
            case MonolithService():
                return Monolith, self._monolith(service, at)
            case CoreService():
                return Core, self._core(service, at)
            case NodeService():
                return QudagNode, self._node(service, at)
            case ServerService():
                return McpService, self._server(service, at)
            case UserService():
                proxy = self._egress_variables.get(service.name, {})
                return UserServer, user_server_args(self.config, service, at, proxy)
            case EgressProxyService():
                return EgressProxy, egress_proxy_args(self.config, service, at)
            case _:
                raise TypeError(f"no component makes a {type(service).__name__}")

    @cached_property
    def _egress_variables(self) -> dict[str, Mapping[str, str]]:
        return egress_variables(self.config)

    def _gateway(self, service: GatewayService | MonolithService, at: Addresses) -> GatewayArgs:
        return gateway_args(self.config, self.topology, service, self.budget, at)

    def _monolith(self, service: MonolithService, at: Addresses) -> MonolithArgs:
        server = replace(self._server(service, at, node=NodeConfig()), writable=[DATA_PATH])
        gateway = replace(
            self._gateway(service, at), resources=SIDECAR_RESOURCES, pods=PodSettings()
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
        owner = audit_owner(self.config, self.topology, at.short(at.database_host))
        migration = MigrationArgs(image=image, name=job.name, pods=pods, audit=owner)
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
                additional_domains=config.additional_domains,
                database=database(config, at.short(at.database_host)) if uses_database else None,
                cache=(
                    cache(config, service.name, at.short(at.cache_host), at) if uses_cache else None
                ),
                audit=audit_log(config, self.topology, service.name, at.short(at.database_host)),
                node=node,
                tool_servers=self._tool_servers(service),
                protected_resources=(
                    protected_resources(config)
                    if service.name == self.topology.authorizer and asks_an_authorizer(config)
                    else ()
                ),
                http=service.http,
                https=service.https,
                allowed_origins=config.protocol.allowed_origins,
                json_answers=config.protocol.json_answers,
                log_level=config.log_level,
                limits=config.limits.of_servers(config.edge.max_body),
                proxies_in_front=int(service.name == self.topology.front.upstream),
                workers=service.workers,
                region=config.region,
                traces=trace_receiver(config, service),
                form=service.form,
                user_keys_secret=(
                    config.secrets.user_keys
                    if master_keys_of(service, self.topology, config)
                    else None
                ),
            ),
            passwords_secret=config.secrets.passwords,
            internal_tls_secret=config.secrets.internal_tls_of(service.name),
            internal_ca_secret=config.secrets.internal_ca,
            replicas=service.replicas,
            scaling=service.scaling,
            vertical=service.vertical,
            rollout=service.rollout,
            resources=service.resources,
            health=service.health,
            readiness=service.readiness,
            environment=config.environment_name,
            ip_families=config.kubernetes.ip_families,
            pods=pod_settings(config, service.name),
        )

    def _tool_servers(self, service: ServerService) -> list[ToolServer]:
        """The servers whose tools ``service`` offers as well."""
        others = [
            ToolServer(
                name=other.name.removeprefix("mcp-"),
                host=placement(self.config).host(other.name, seen_from=service.name),
                port=other.https,
                era=self.config.protocol.era,
            )
            for other in self.topology.tool_servers(service.name)
        ]
        if service.name == self.topology.front.upstream:
            others += tool_servers(self.config)
        return others
