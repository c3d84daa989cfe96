"""Models of the sections of Pulumi.<stack>.yaml: unknown fields and secrets are refused."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import Field

from components.base.versions import VERSIONS
from components.mcp.era import Era

from ..topologies import TOPOLOGIES
from .clouds import Clouds, Containers, Serverless
from .forms import (
    Audience,
    Bytes,
    Cidr,
    Context,
    Cpu,
    DnsLabel,
    Domain,
    Image,
    LabelKey,
    LabelValue,
    NginxBytes,
    ObjectName,
    PodSecurityVersion,
    SecretName,
    Url,
)
from .section import Section


class Protocol(Section):
    """How long a tool may run, which MCP revisions are served, and whose tokens are accepted."""

    era: Era = Field(
        default="dual",
        description="MCP revisions served: modern (2026-07-28, no sessions), legacy, or dual.",
    )
    longest_tool_seconds: int = Field(
        default=60,
        ge=1,
        le=3600,
        description="Longest tool call, in seconds; every timeout follows.",
    )
    drain_seconds: int | None = Field(
        default=None,
        ge=2,
        le=7200,
        description="Seconds in which a stopping server finishes its calls; absent: derived.",
    )
    issuer: Url = Field(
        default="https://issuer.qudag-mcp.internal",
        description="URL of the authorization server whose tokens are accepted.",
    )
    audience: Audience = Field(
        default="qudag-mcp", description="Audience that a token must be issued for."
    )
    jwks_url: Url | None = Field(
        default=None,
        description="Where the issuer publishes its keys; absent: keys made for a local cluster.",
    )


class Images(Section):
    """The container images, each with a tag in dev and a digest in staging and prod."""

    server: Image = Field(
        default=VERSIONS["images"]["server"],
        description="The MCP server of every role; runtime/ in this repository.",
    )
    gateway: Image = Field(
        default=VERSIONS["images"]["gateway"],
        description="nginx, or your own gateway.",
    )
    gateway_engine: Literal["nginx", "image"] = Field(
        default="nginx", description="nginx: with a generated configuration; image: runs unchanged."
    )
    qudag_node: Image | None = Field(
        default=None, description="QuDAG node; absent: the server image, which has the role."
    )
    qudag_profile: Literal["seed", "upstream"] = Field(
        default="seed",
        description="seed: reads node.toml, HTTP probes; upstream: the released program, which "
        "needs qudagNode.",
    )
    postgres: Image = Field(
        default=VERSIONS["images"]["postgres"], description="Embedded PostgreSQL."
    )
    valkey: Image = Field(default=VERSIONS["images"]["valkey"], description="Embedded Valkey.")


class Quota(Section):
    """Hard limits of the namespace, in Kubernetes quantities and counts."""

    requests_cpu: Cpu = Field(default="10", description="Sum of CPU requests.")
    requests_memory: Bytes = Field(default="20Gi", description="Sum of memory requests.")
    limits_cpu: Cpu = Field(default="20", description="Sum of CPU limits.")
    limits_memory: Bytes = Field(default="40Gi", description="Sum of memory limits.")
    persistentvolumeclaims: int = Field(default=10, ge=0, description="Number of volume claims.")
    services: int = Field(default=10, ge=0, description="Number of Services.")
    secrets: int = Field(default=20, ge=0, description="Number of Secrets.")
    configmaps: int = Field(default=20, ge=0, description="Number of ConfigMaps.")

    def hard(self) -> dict[str, str]:
        """The mapping that a ResourceQuota takes."""
        names = {name: name.replace("_", ".") for name in type(self).model_fields}
        return {quota: str(getattr(self, name)) for name, quota in names.items()}


class Kubernetes(Section):
    """The cluster and the namespace."""

    enabled: bool = Field(
        default=True, description="false: no cluster; only cloud targets are deployed."
    )
    namespace: DnsLabel | None = Field(default=None, description="Absent: qudag-mcp-<environment>.")
    context: Context | None = Field(
        default=None,
        description="Context of your kubeconfig; the current context is not used by default.",
    )
    pod_security_version: PodSecurityVersion = Field(
        default=VERSIONS["kubernetes"]["podSecurity"],
        description="Version of the restricted Pod Security Standard that is enforced.",
    )
    quota: Quota | None = Field(default=None, description="Quota of the namespace; absent: none.")
    container_limits: bool = Field(
        default=True,
        description="LimitRange: 50m-2 CPU and 64Mi-4Gi a container, defaults between.",
    )


class Data(Section):
    """Databases and volumes."""

    kind: Literal["embedded"] = Field(
        default="embedded",
        description="embedded: one PostgreSQL and one Valkey pod in the cluster.",
    )
    database_size: Bytes = Field(default="1Gi", description="PostgreSQL's volume.")
    cache_size: Bytes = Field(default="1Gi", description="Valkey's volume.")
    cache_profile: Literal["sessions", "cache"] = Field(
        default="sessions",
        description="sessions: on disk, never evicted; cache: in memory, evicted.",
    )
    core_size: Bytes = Field(default="10Gi", description="Volume that the core servers share.")
    node_size: Bytes = Field(default="1Gi", description="Volume of each QuDAG node.")
    storage_class: ObjectName | None = Field(
        default=None, description="Absent: the cluster's default."
    )
    shared_storage_class: ObjectName | None = Field(
        default=None,
        description="Storage class with ReadWriteMany volumes, for core's data.",
    )
    protect: bool = Field(default=False, description="Refuse to delete what holds data.")


class Secrets(Section):
    """Names of the Secrets that the platform mounts."""

    passwords: SecretName = Field(
        default="mcp-server-secrets", description="Keys database-password and redis-password."
    )
    tls: SecretName = Field(default="mcp-tls-secret", description="The public certificate.")
    internal_tls: SecretName = Field(
        default="mcp-internal-tls", description="The certificate between the platform's own pods."
    )
    issuer_keys: SecretName = Field(
        default="mcp-issuer-keys",
        description="Key jwks.json; used where protocol.jwksUrl is absent.",
    )


class Prometheus(Section):
    """The Prometheus that scrapes the platform."""

    namespace: DnsLabel = Field(default="monitoring", description="Where it runs.")
    labels: dict[LabelKey, LabelValue] = Field(
        default={"app": "prometheus"}, min_length=1, description="Labels of its pods."
    )


class Network(Section):
    """Networks that may connect to the platform, and that it may connect to."""

    public: bool = Field(default=False, description="Accept connections from every address.")
    clients: list[Cidr] = Field(
        default=[], description="Networks that may connect to the gateway if it is not public."
    )
    issuer: list[Cidr] = Field(
        default=[], description="Networks of the authorization server, to fetch its keys."
    )
    qudag_peers: list[Cidr] = Field(
        default=[], description="Networks of QuDAG nodes elsewhere; both directions."
    )
    prometheus: Prometheus | None = Field(
        default=None, description="Who may scrape the servers; absent: nobody."
    )


PerSecond = Annotated[int, Field(ge=1, le=100_000, description="Sustained rate.")]
Burst = Annotated[int, Field(ge=0, le=100_000, description="Requests above the rate, at once.")]
Connections = Annotated[
    int, Field(ge=1, le=100_000, description="Requests and streams open at a time.")
]


class ApiLimit(Section):
    """Limits for all HTTP requests of one client address."""

    requests_per_second: PerSecond = 10
    burst: Burst = 20
    connections: Connections = 10


class WebsocketLimit(Section):
    """How many WebSockets one client address may open."""

    requests_per_second: PerSecond = 5
    burst: Burst = 10
    connections: Connections = 5


class UploadLimit(Section):
    """Requests of a megabyte or more, or of unknown length; they count in api as well."""

    requests_per_second: PerSecond = 2
    burst: Burst = 5


class RateLimits(Section):
    """Limits for one client address at the gateway; requests above them are answered 429."""

    api: ApiLimit = Field(default_factory=ApiLimit)
    websocket: WebsocketLimit = Field(default_factory=WebsocketLimit)
    upload: UploadLimit = Field(default_factory=UploadLimit)


class Edge(Section):
    """The platform's outer edge."""

    load_balancer: bool = Field(
        default=False, description="Give the gateway an address outside the cluster."
    )
    tls_minimum: Literal["1.3", "1.2"] = Field(
        default="1.3", description="Oldest TLS version accepted."
    )
    max_body: NginxBytes = Field(default="50m", description="Largest request, in k or m bytes.")
    rate_limits: RateLimits | None = Field(default=None, description="Absent: no limits.")


class ServiceScale(Section):
    """How many pods a service has: ``replicas``, or ``min`` and ``max`` with autoscaling."""

    replicas: int | None = Field(default=None, ge=1, le=1000, description="Fixed number of pods.")
    min: int | None = Field(default=None, ge=1, le=1000, description="Fewest pods.")
    max: int | None = Field(default=None, ge=1, le=1000, description="Most pods.")
    cpu: Cpu | None = Field(default=None, description="CPU request of each pod.")
    memory: Bytes | None = Field(default=None, description="Memory request of each pod.")
    cpu_limit: Cpu | None = Field(default=None, description="CPU limit of each pod.")
    memory_limit: Bytes | None = Field(default=None, description="Memory limit of each pod.")


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
    protocol: Protocol = Field(default_factory=Protocol)
    images: Images = Field(default_factory=Images)
    kubernetes: Kubernetes = Field(default_factory=Kubernetes)
    data: Data = Field(default_factory=Data)
    secrets: Secrets = Field(default_factory=Secrets)
    network: Network = Field(default_factory=Network)
    edge: Edge = Field(default_factory=Edge)
    scaling: dict[str, ServiceScale] = Field(
        default={}, description="Scale by service name, where it differs from the topology's."
    )

    clouds: Clouds = Field(default_factory=Clouds)
    serverless: Serverless = Field(default_factory=Serverless)
    containers: Containers = Field(default_factory=Containers)

    @property
    def namespace(self) -> str:
        """The namespace that everything runs in."""
        return self.kubernetes.namespace or f"qudag-mcp-{self.environment}"
