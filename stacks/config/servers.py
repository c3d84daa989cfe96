"""Section `servers`: MCP servers from images of the user's own."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Final, Literal

from pydantic import AfterValidator, Field

from components.mcp.era import Era

from ..targets import TARGETS
from .data import VolumeName
from .edge import Burst, Connections, PerSecond, Streams
from .egress_forms import EgressHost, NetworkPort
from .forms import (
    Bytes,
    Cpu,
    Domain,
    Image,
    OneLine,
    ScopeName,
    VariableName,
    checked,
    constraint,
    refusal,
)
from .kubernetes import PlaceName
from .section import Section
from .server_forms import FILE_PATH, HEALTH_PATH, MCP_PATH, NAME, PATH_PREFIX, SECRET_KEY
from .server_metrics import ServerMetrics

LARGEST_FILES: Final = 2**20
"""Bytes of all files of a server; the API server refuses larger ConfigMaps."""


def _text(content: str) -> str:
    if "\0" in content or any("\ud800" <= character <= "\udfff" for character in content):
        raise refusal(
            "has the character NUL or half of a surrogate pair",
            "a ConfigMap holds text alone",
            "leave binary files in the image",
        )
    return content


CLUSTER: Final = "kubernetes"
BRIDGE_METRICS: Final = 9090
"""Port of the bridge's metrics."""
CLOUDS_BY_TARGET: Final = {
    target.containers.name: cloud
    for cloud, target in TARGETS.items()
    if target.containers and target.containers.user_servers
}
"""The cloud of each target outside the cluster that runs images of users."""

if TYPE_CHECKING:
    TargetName = str
else:
    TargetName = Literal[(CLUSTER, *CLOUDS_BY_TARGET)]

ServerName = Annotated[str, constraint(NAME)]
SecretKeyName = Annotated[str, constraint(SECRET_KEY)]
FilePath = Annotated[str, constraint(FILE_PATH), checked(FILE_PATH)]
FileContent = Annotated[str, Field(max_length=LARGEST_FILES), AfterValidator(_text)]


class ServerScale(Section):
    """Autoscaling of a server."""

    min: int = Field(default=2, ge=1, le=1000, description="Fewest pods.")
    max: int = Field(ge=1, le=1000, description="Most pods.")
    cpu: int | None = Field(
        default=70,
        ge=1,
        le=1000,
        description="Target use of the requested CPU, in percent; null: no target.",
    )
    memory: int | None = Field(
        default=None,
        ge=1,
        le=1000,
        description="Target use of the requested memory, in percent; null: no target.",
    )


class ServerResources(Section):
    """Requests and limits of a server's container, besides those of the TLS proxy in its pods."""

    cpu: Cpu = Field(default="100m", description="CPU request.")
    memory: Bytes = Field(default="128Mi", description="Memory request.")
    cpu_limit: Cpu = Field(default="500m", description="CPU limit.")
    memory_limit: Bytes = Field(default="512Mi", description="Memory limit.")
    ephemeral_storage: Bytes = Field(default="64Mi", description="Request for the node's disk.")
    ephemeral_storage_limit: Bytes = Field(
        default="1Gi", description="Disk limit: logs and writable directories."
    )


class Storage(Section):
    """A volume that outlives the pods."""

    path: FilePath = Field(description="Directory in the container.")
    size: Bytes = Field(default="1Gi", description="Size of the volume.")


class Egress(Section):
    """What a server may connect to outside the platform; by default nothing."""

    hosts: list[EgressHost] = Field(
        default=[],
        description="host:port, reached by name through the egress proxy, which HTTPS_PROXY names; "
        "only for protocols that begin with TLS. With network.hostEgress: cilium, directly.",
    )
    networks: list[NetworkPort] = Field(
        default=[],
        description="network:port, reached directly: for programs that know no proxy, and "
        "protocols that do not begin with TLS.",
    )


class ServerRateLimit(Section):
    """Limits for one client address at one server; absent fields: those of edge.rateLimits.api."""

    requests_per_second: PerSecond | None = Field(default=None, description="Sustained rate.")
    burst: Burst | None = Field(default=None, description="Requests above the rate, at once.")
    connections: Connections | None = Field(default=None, description="Requests open at a time.")
    streams: Streams | None = Field(default=None, description="Standing streams open at a time.")


class Server(Section):
    """An MCP server from an image of your own."""

    image: Image | None = Field(
        default=None,
        description="The image, with a tag in dev and a digest in staging and prod. Absent: only "
        "in servers of the topology, where the reference server stands in.",
    )
    namespace: PlaceName | None = Field(
        default=None,
        description="Key of kubernetes.namespaces, or of the topology; absent: the platform's own "
        "namespace.",
    )
    transport: Literal["streamable-http", "stdio", "sse"] = Field(
        default="streamable-http",
        description="What the image speaks. stdio: the image has qudag-mcp-server too, whose "
        "bridge runs command. sse is refused.",
    )
    port: int = Field(
        default=8000, ge=1024, le=65535, description="Port on which the image serves plain HTTP."
    )
    path: Annotated[str, constraint(MCP_PATH), checked(MCP_PATH)] = Field(
        default="/mcp", description="Path at which the image serves MCP."
    )
    era: Era = Field(
        default="dual",
        description="MCP revisions that the image speaks: modern (2026-07-28, no sessions), "
        "legacy, or dual.",
    )
    command: list[OneLine] = Field(
        default=[], description="Program and arguments; absent: the image's own."
    )
    path_prefix: Annotated[str, constraint(PATH_PREFIX)] | None = Field(
        default=None,
        description="Path at the gateway before /mcp; absent: /servers/<name>.",
    )
    health: Annotated[str, constraint(HEALTH_PATH), checked(HEALTH_PATH)] | None = Field(
        default=None, description="Path that answers 200 while it can serve; absent: a TCP probe."
    )
    env: dict[VariableName, OneLine] = Field(
        default={}, description="Environment variables; no credentials."
    )
    secret_env: dict[VariableName, SecretKeyName] = Field(
        default={}, description="Environment variables whose values are keys of Secrets."
    )
    files: dict[FilePath, FileContent] = Field(
        default={}, description="Text files by their path in the container, 1 MiB together."
    )
    replicas: int | None = Field(
        default=None,
        ge=1,
        le=1000,
        description="Fixed number of pods; absent: 1 in dev and with storage, else 2.",
    )
    scale: ServerScale | None = Field(default=None, description="Autoscaling in place of replicas.")
    resources: ServerResources = Field(default_factory=ServerResources)
    storage: Storage | None = Field(
        default=None, description="A volume for the one pod; absent: files are lost with the pod."
    )
    volumes: dict[VolumeName, FilePath] = Field(
        default={},
        description="Directories of the volumes of data.volumes, which its pods share, by volume.",
    )
    uses: list[Literal["postgres", "redis"]] = Field(
        default=[],
        description="Data stores of the topology that it may connect to, with their addresses and "
        "passwords in variables.",
    )
    writable: list[FilePath] = Field(
        default=["/tmp"],  # noqa: S108  (an emptyDir of the pod's own)
        description="Directories that the container may write; they are lost with the pod. /tmp "
        "always is one.",
    )
    user: int | None = Field(
        default=None,
        ge=1,
        le=2**31 - 1,
        description="User id of the process; absent: as kubernetes.pods.userIds says.",
    )
    calls: list[ServerName] = Field(
        default=[], description="Other servers of this section that it may connect to, by name."
    )
    egress: Egress = Field(default_factory=Egress)
    metrics: ServerMetrics | None = Field(
        default=None, description="Metrics that Prometheus reads; absent: none."
    )
    traces: bool = Field(
        default=False,
        description="Whether the server sends spans to the collector of observability.traces: the "
        "OpenTelemetry SDK in the image gets its environment variables; with transport: stdio the "
        "bridge sends spans as well.",
    )
    exposed: bool = Field(
        default=True,
        description="Whether clients reach it at the gateway; false: only through the list at "
        "/mcp.",
    )
    auth: Literal["gateway", "server"] = Field(
        default="gateway",
        description="Who checks tokens: the gateway, or the image itself, which gets every request "
        "and is left out of the list at /mcp.",
    )
    scopes: list[ScopeName] = Field(
        default=[], description="Scopes that a token must have, besides protocol.requiredScopes."
    )
    forward_token: bool = Field(
        default=False,
        description="Pass the checked token on to the image, which otherwise gets the user's name "
        "alone.",
    )
    rate_limit: ServerRateLimit | None = Field(
        default=None,
        description="Limits for one client address at this server; absent: edge.rateLimits.api. "
        "Each server counts on its own.",
    )
    longest_tool_seconds: int | None = Field(
        default=None,
        ge=1,
        le=3600,
        description="Longest tool call, in seconds; absent: protocol.longestToolSeconds.",
    )
    hostname: Domain | None = Field(
        default=None,
        description="Host name of its own, beside /servers/<name>/mcp at the domain.",
    )
    targets: list[TargetName] = Field(
        default=[CLUSTER],
        min_length=1,
        description="Where it runs: kubernetes: behind the gateway; others: in a cloud, with the "
        "reference server as its reverse proxy, configured in containers.<cloud>.servers.",
    )

    @property
    def stands_in(self) -> bool:
        """Whether the reference server runs in place of an image."""
        return self.image is None

    @property
    def bridged(self) -> bool:
        """Whether the bridge runs in front of a program that speaks stdio."""
        return self.transport == "stdio" or self.stands_in

    @property
    def metrics_port(self) -> int | None:
        """The port of its container that has metrics."""
        if self.metrics is None:
            return None
        return self.metrics.port or (BRIDGE_METRICS if self.bridged else self.port)

    @property
    def in_cluster(self) -> bool:
        """Whether it runs in the cluster, and perhaps elsewhere too."""
        return CLUSTER in self.targets
