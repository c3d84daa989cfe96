"""The configuration of a stack: unknown fields and secrets are refused."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from typing import TYPE_CHECKING, Any, Literal, cast

from pydantic import Field, model_validator

from components.mcp.server_config import LogLevel

from ..topologies import TOPOLOGIES
from .audit import Audit
from .backup import Backup
from .clouds import Clouds, Containers, Serverless
from .data import Data
from .edge import Edge
from .forms import Domain, Word
from .images import Images
from .kubernetes import Kubernetes
from .limits import Limits
from .network import Network, Prometheus
from .observability import MONITORING, Observability
from .protocol import Protocol
from .scaling import ServiceScale
from .secrets import Secrets
from .section import Section
from .servers import Server, ServerName
from .topology_servers import with_topology_servers

if TYPE_CHECKING:
    TopologyName = str
else:
    TopologyName = Literal[tuple(TOPOLOGIES)]


class StackConfig(Section):
    """The whole configuration of a stack; each field is a Pulumi config key."""

    environment: Literal["dev", "staging", "prod"] = Field(
        default="dev", description="Which rules apply: staging and prod need digests and a domain."
    )
    topology: TopologyName = Field(
        default="monolith", description="Which services there are; stacks/topologies/."
    )
    domain: Domain | None = Field(
        default=None, description="Public host name; absent in dev: the load balancer's address."
    )
    additional_domains: list[Domain] = Field(
        default=[],
        description="Other public host names. At each, tokens must be for the URL with that name; "
        "the certificate is for all names.",
    )
    region: Word | None = Field(
        default=None,
        description="Region that the cluster is in, as logs and metrics of the servers name it.",
    )
    protocol: Protocol = Field(default_factory=Protocol)
    images: Images = Field(default_factory=Images)
    kubernetes: Kubernetes = Field(default_factory=Kubernetes)
    data: Data = Field(default_factory=Data)
    backup: Backup | None = Field(
        default=None, description="Backups of the embedded database and of volumes; absent: none."
    )
    secrets: Secrets = Field(default_factory=Secrets)
    network: Network = Field(default_factory=Network)
    edge: Edge = Field(default_factory=Edge)
    audit: Audit = Field(default_factory=Audit)
    observability: Observability = Field(default_factory=Observability)
    limits: Limits = Field(default_factory=Limits)
    scaling: dict[str, ServiceScale] = Field(
        default={}, description="Scale by service name, where it differs from the topology's."
    )
    servers: dict[ServerName, Server] = Field(
        default={}, description="MCP servers from images of your own, by name."
    )

    clouds: Clouds = Field(default_factory=Clouds)
    serverless: Serverless = Field(default_factory=Serverless)
    containers: Containers = Field(default_factory=Containers)

    @model_validator(mode="before")
    @classmethod
    def _with_topology_servers(cls, written: Any) -> Any:
        """Adds the topology's own servers; see ``with_topology_servers``."""
        if not isinstance(written, Mapping):
            return written
        stated = cast("Mapping[str, Any]", written)
        return with_topology_servers(stated)

    @property
    def log_level(self) -> LogLevel:
        """The level of every server's log."""
        usual: LogLevel = "debug" if self.environment == "dev" else "info"
        return self.observability.log_level or usual

    @property
    def scraper(self) -> Prometheus | None:
        """The pods that may read metrics; None: nobody may."""
        if self.observability.kind == "standalone":
            return Prometheus(namespace=self.monitoring_namespace, labels={"app": "prometheus"})
        return self.network.prometheus

    @property
    def monitoring_namespace(self) -> str:
        """The namespace of the platform's own Prometheus."""
        named = self.kubernetes.namespaces.get(MONITORING)
        return named or f"{self.namespace}-{MONITORING}"

    @property
    def environment_name(self) -> str:
        """The environment in full, as labels and QUDAG_ENV have it."""
        return {"dev": "development", "prod": "production"}.get(self.environment, self.environment)

    @cached_property
    def cluster_servers(self) -> dict[str, Server]:
        """Those of the servers that run in the cluster."""
        return {name: server for name, server in self.servers.items() if server.in_cluster}

    @cached_property
    def exposed_servers(self) -> dict[str, Server]:
        """Those of the servers in the cluster that clients reach at the gateway."""
        return {name: server for name, server in self.cluster_servers.items() if server.exposed}

    @property
    def stand_ins(self) -> list[str]:
        """The servers in whose place the reference server runs."""
        return [name for name, server in self.cluster_servers.items() if server.stands_in]

    @property
    def namespace(self) -> str:
        """The platform's own namespace; see ``placement`` for the others."""
        return self.kubernetes.namespace or f"qudag-mcp-{self.environment}"
