"""What a topology is made of: services, data stores, jobs, and the flows between them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from components.kubernetes import gateway
from components.kubernetes.container import Probe
from components.kubernetes.core import MIGRATION
from components.kubernetes.gateway_metrics import MONOLITH_METRICS
from components.kubernetes.party import Flow
from components.kubernetes.resources import Resources
from components.kubernetes.scaling import Autoscaling
from components.kubernetes.server import HEALTH, READINESS
from components.kubernetes.vertical_scaling import VerticalScaling
from components.kubernetes.workload import Rollout
from components.mcp import data_tier
from components.mcp.config_forms import ConfigForm
from components.mcp.roles import Role
from components.mcp.server_config import HTTP, HTTPS, METRICS, P2P

CLIENTS: Final = "clients"
ISSUER: Final = "issuer"
ISSUER_PODS: Final = "issuer-pods"
PEERS: Final = "qudag-peers"
PROMETHEUS: Final = "prometheus"
INTERNET: Final = "internet"
EGRESS_PROXY: Final = "egress-proxy"
OPTIONAL_PARTIES: Final = (CLIENTS, ISSUER, PEERS, PROMETHEUS)
"""Parties outside the platform; their flows exist where the configuration says where they are."""

POSTGRES: Final = "postgres"
VALKEY: Final = "redis"
STORES: Final[Mapping[str, int]] = {POSTGRES: data_tier.POSTGRES, VALKEY: data_tier.VALKEY}
"""The data stores that a topology may have, with their ports."""

MONOLITH_HTTP: Final = 8081
MONOLITH_HTTPS: Final = 8444
"""The server's ports in the pods of a monolith, where the gateway has the usual ones."""


@dataclass(frozen=True, kw_only=True)
class Service:
    """A service of a topology; its class says which component makes it.

    Attributes:
        name: physical name of the workload, and its name in flows.
        replicas: pods, where no ``scaling`` is given.
        scaling: autoscaling by default.
        vertical: requests that follow use.
        rollout: surge and unavailability.
        resources: requests and limits of its main container.
    """

    name: str
    replicas: int = 2
    scaling: Autoscaling | None = None
    vertical: VerticalScaling | None = None
    rollout: Rollout = field(default_factory=Rollout)
    resources: Resources = field(default_factory=Resources)

    @property
    def ports(self) -> Sequence[int]:
        """Ports on which the containers of the service listen."""
        raise NotImplementedError


@dataclass(frozen=True, kw_only=True)
class GatewayService(Service):
    """A ``Gateway``: terminates the clients' TLS, and passes MCP on to the front's upstream."""

    @property
    def ports(self) -> Sequence[int]:
        """The ports for clients and for metrics."""
        return gateway.HTTP, gateway.HTTPS, METRICS


@dataclass(frozen=True, kw_only=True)
class ServerService(Service):
    """An MCP server: an ``McpService`` with the tools of its role.

    It gets the address and the password of each data store that it has a flow to, and offers the
    tools of each server that it has a flow to.

    Attributes:
        role: decides which tools it has.
        health, readiness: probe times.
        workers: server processes of each pod.
        http: port of probes.
        https: port of MCP, with WebSockets, over TLS.
        form: the files and variables that have its configuration; see ConfigForm.
    """

    role: Role
    health: Probe = HEALTH
    readiness: Probe = READINESS
    workers: int = 1
    http: int = HTTP
    https: int = HTTPS
    form: ConfigForm = "server.toml"

    @property
    def ports(self) -> Sequence[int]:
        """The ports for probes, MCP and metrics."""
        return self.http, self.https, METRICS


@dataclass(frozen=True, kw_only=True)
class CoreService(ServerService):
    """A ``Core``: MCP servers whose database a job may migrate."""

    role: Role = "core"


@dataclass(frozen=True, kw_only=True)
class NodeService(ServerService):
    """A ``QudagNode``: nodes of the QuDAG network, each with a volume and a name of its own."""

    role: Role = "qudag"

    @property
    def ports(self) -> Sequence[int]:
        """The ports of a server, and the port for peers."""
        return *super().ports, P2P


@dataclass(frozen=True, kw_only=True)
class MonolithService(ServerService):
    """A ``Monolith``: a gateway and a core server in the same pods."""

    role: Role = "monolith"
    http: int = MONOLITH_HTTP
    https: int = MONOLITH_HTTPS

    @property
    def ports(self) -> Sequence[int]:
        """The ports of the gateway and of the server."""
        return gateway.HTTP, gateway.HTTPS, MONOLITH_METRICS, *super().ports


@dataclass(frozen=True, kw_only=True)
class UserService(Service):
    """A ``UserServer``: an MCP server of the section ``servers``, from an image of the user's."""

    @property
    def ports(self) -> Sequence[int]:
        """The port of nginx in front of the image."""
        return (HTTPS,)


@dataclass(frozen=True, kw_only=True)
class EgressProxyService(Service):
    """An ``EgressProxy``, through which servers of the section ``servers`` reach hosts outside.

    Attributes:
        allowed: ``host:port`` of the hosts of each server.
    """

    allowed: Mapping[str, Sequence[str]]

    @property
    def ports(self) -> Sequence[int]:
        """Empty: the proxy has one port for each server, which depends on the configuration."""
        return ()


@dataclass(frozen=True, kw_only=True)
class Front:
    """What clients connect to, and the server that it passes MCP on to.

    Attributes:
        service: a GatewayService or a MonolithService.
        upstream: the server behind it; of a monolith itself, since its server is in the same pods.
        service_name: name of its Kubernetes Service; ``<service>-service`` when None.
    """

    service: str
    upstream: str
    service_name: str | None = None


@dataclass(frozen=True, kw_only=True)
class Migration:
    """A Job that brings the schema to the version of a service, before that service's new pods.

    Attributes:
        service: a CoreService or a MonolithService; the Job has its image and configuration.
        name: physical name of the Job, and its name in flows.
    """

    service: str
    name: str = MIGRATION


@dataclass(frozen=True, kw_only=True)
class Topology:
    """Services with their data and jobs, and the flows between them and from and to outside.

    Attributes:
        name: as it is configured.
        front: what clients connect to.
        services: in the order in which a reader wants them.
        data: the data stores, of ``STORES``.
        jobs: the migrations.
        scheduled: names of the CronJobs that the stack file adds.
        monitoring: names of what observes the platform, which the stack file adds.
        collectors: names of what collects log lines and traces, which the stack file adds.
        authorizer: the server that checks tokens for the gateway, in requests to the user's
            servers; None: there can be none of these.
        places: workloads that run in a namespace of their own, by name: its key in
            ``kubernetes.namespaces``. Only data stores may; servers name theirs in their entry.
        outside: those of the data stores that have no pods in the platform's namespaces.
        servers: entries of the section ``servers`` that the stack has without writing them, as a
            stack file spells them. Values of the stack file replace them. Without an image the
            reference server stands in.
        with_image: fields added to such an entry if it has an image: credentials, and the hosts
            that they are for. A stand-in gets none.
        only_audit: servers whose flow to PostgreSQL is for rows of the audit log alone.
        flows: all that may pass. Ports are the containers'.
    """

    name: str
    front: Front
    services: Sequence[Service]
    flows: Sequence[Flow]
    data: Sequence[str] = ()
    jobs: Sequence[Migration] = ()
    scheduled: Sequence[str] = ()
    monitoring: Sequence[str] = ()
    collectors: Sequence[str] = ()
    only_audit: frozenset[str] = frozenset()
    authorizer: str | None = None
    places: Mapping[str, str] = field(default_factory=dict[str, str])
    outside: Sequence[str] = ()
    servers: Mapping[str, Mapping[str, Any]] = field(default_factory=dict[str, Mapping[str, Any]])
    with_image: Mapping[str, Mapping[str, Any]] = field(
        default_factory=dict[str, Mapping[str, Any]]
    )

    @property
    def workloads(self) -> list[str]:
        """Names of everything that runs in the platform's namespaces."""
        return [
            *(service.name for service in self.services),
            *self.stores_in_pods,
            *(job.name for job in self.jobs),
            *self.scheduled,
            *self.monitoring,
            *self.collectors,
        ]

    @property
    def stores_in_pods(self) -> list[str]:
        """The data stores that run in the platform's namespaces."""
        return [store for store in self.data if store not in self.outside]

    def at(self, path: str) -> str:
        """The path of a part of the topology, for problems with it."""
        return f"topologies.{self.name}.{path}"

    def allows(self, source: str, target: str, port: int) -> bool:
        """Whether a flow lets TCP connections through from ``source`` to a port of ``target``."""
        return any(
            (flow.source, flow.target, flow.port, flow.protocol) == (source, target, port, "TCP")
            for flow in self.flows
        )

    def uses(self, workload: str, store: str) -> bool:
        """Whether ``workload`` is one of ``users(store)``."""
        return workload in self.users(store)

    def users(self, store: str) -> set[str]:
        """The workloads with a flow to the data store, other than for audit rows alone."""
        found = {flow.source for flow in self.flows if flow.target == store}
        return found.difference(self.only_audit) if store == POSTGRES else found

    def tool_servers(self, workload: str) -> list[ServerService]:
        """The servers whose tools ``workload`` offers as well: those it has a flow to."""
        servers = {s.name: s for s in self.services if isinstance(s, ServerService)}
        if workload not in servers:
            return []
        return [
            servers[flow.target]
            for flow in self.flows
            if flow.source == workload
            and flow.target in servers
            and flow.port == servers[flow.target].https
        ]

    def port_of(self, server: str) -> int:
        """The port on which ``server`` serves MCP."""
        found = (
            s.https for s in self.services if s.name == server and isinstance(s, ServerService)
        )
        return next(found, HTTPS)

    def migration_of(self, service: str) -> Migration | None:
        """The job that migrates the database of ``service``."""
        return next((job for job in self.jobs if job.service == service), None)
