"""The form of a cloud's target file: its sections, provider, rules and servers."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Final, Generic, Literal, TypeVar

import pulumi

from components.base.component import Component
from components.base.constraints import Form
from components.base.problems import Problem
from components.mcp.archive import Archive
from components.mcp.data_tier import DataTier
from components.mcp.server_config import CloudServerConfig, LogLevel
from components.mcp.target import McpTarget
from components.mcp.user_container import UserContainer

from ..config.cloud_servers import ServerSection
from ..config.section import Section

if TYPE_CHECKING:
    from components.mcp.cloud_alarms import CloudThresholds
    from components.mcp.objectives import Objectives

KINDS: Final = ("serverless", "containers")
"""Sections of the stack file that switch servers in the clouds on."""

LocationT = TypeVar("LocationT", bound=Section)
FunctionT = TypeVar("FunctionT", bound=ServerSection)
ContainerT = TypeVar("ContainerT", bound=ServerSection)
ServerT = TypeVar("ServerT", bound=ServerSection)


@dataclass(frozen=True, kw_only=True)
class Shared:
    """What holds for the servers of every cloud.

    Attributes:
        environment: dev, staging or prod.
        image: the server's image, which a section may replace by a copy of it.
        tls_minimum: oldest TLS version that clients may use.
        log_level: of every server's log.
        user_images: images of the user's servers, by name.
    """

    environment: str
    image: str
    tls_minimum: Literal["1.3", "1.2"]
    log_level: LogLevel = "info"
    user_images: Mapping[str, str] = field(default_factory=dict[str, str])

    @property
    def protect(self) -> bool:
        """Whether resources that hold sessions may not be deleted."""
        return self.environment == "prod"


@dataclass(frozen=True, kw_only=True)
class Deployment:
    """What a server is built with, besides its cloud's sections.

    Attributes:
        config: the server's configuration, the same in each cloud but for the domain.
        archives: of functions, by host.
        tags: of every resource.
        database: PostgreSQL that a cloud manages for the stack; None: there is none.
    """

    shared: Shared
    config: CloudServerConfig
    archives: Mapping[str, Archive]
    tags: Mapping[str, str]
    database: DataTier[Any] | None = None

    def server(self, *, domain: str | None = None) -> CloudServerConfig:
        """The server's configuration under a host name."""
        return replace(self.config, domain=domain)


@dataclass(frozen=True, kw_only=True)
class UserImage:
    """A user's server on its way to a cloud.

    Attributes:
        container: the image, and how the server in front of it reaches it.
        min_instances, max_instances: fewest and most instances.
        cpu_target: percent, above which there will be more instances.
    """

    container: UserContainer
    min_instances: int
    max_instances: int
    cpu_target: int


@dataclass(frozen=True)
class UserPlace(Generic[LocationT, ContainerT]):
    """Where in a cloud a user's server goes.

    Attributes:
        location: ``clouds.<cloud>``.
        section: ``containers.<cloud>``.
        entry: ``containers.<cloud>.servers.<name>``.
    """

    location: LocationT
    section: ContainerT
    entry: Any


BuildUserServer = Callable[
    [str, UserPlace[LocationT, ContainerT], Deployment, UserImage, pulumi.ResourceOptions],
    McpTarget[Any],
]


@dataclass(frozen=True, kw_only=True)
class UserServers(Generic[LocationT, ContainerT]):
    """How a cloud runs images of users.

    Attributes:
        section: the model of ``containers.<cloud>.servers.<name>``, with the fields ``image`` and
            ``secrets``.
        build: registers the component.
        lacks: fields of a server that this cloud cannot give, besides those that no cloud can.
    """

    section: type[Section]
    build: BuildUserServer[LocationT, ContainerT]
    lacks: tuple[str, ...] = ()


Build = Callable[[str, LocationT, ServerT, Deployment, pulumi.ResourceOptions], McpTarget[Any]]


@dataclass(frozen=True, kw_only=True)
class Server(Generic[LocationT, ServerT]):
    """A server that a cloud can run.

    Attributes:
        name: of the component, and of the entry in the stack's output ``targets``.
        section: the model of its section, ``serverless.<cloud>`` or ``containers.<cloud>``.
        build: registers the component.
        drains: whether the cloud waits as long as ``protocol.drainSeconds`` asks it to.
        host: whose archive it runs; None for a container, which runs an image.
        packages: Pulumi packages that it needs besides its cloud's.
        user_servers: how it runs images of users, for a container; None: it does not.
    """

    name: str
    section: type[ServerT]
    build: Build[LocationT, ServerT]
    drains: Callable[[ServerT], bool]
    host: str | None = None
    packages: tuple[str, ...] = ()
    user_servers: UserServers[LocationT, ServerT] | None = None


@dataclass(frozen=True)
class CloudSections(Generic[LocationT, FunctionT, ContainerT]):
    """What the stack file says of one cloud; None where a section is absent."""

    location: LocationT | None
    serverless: FunctionT | None
    containers: ContainerT | None


@dataclass(frozen=True, kw_only=True)
class Monitored:
    """What is monitored in a cloud, and by which numbers.

    Attributes:
        components: servers and data stores of the stack in the cloud.
        objectives: of ``observability.alerts``.
        thresholds: of ``observability.alerts``.
        shared: what holds for every cloud.
        tags: of every resource.
    """

    components: Sequence[Component[Any]]
    objectives: Objectives
    thresholds: CloudThresholds
    shared: Shared
    tags: Mapping[str, str]


Monitor = Callable[[LocationT, Monitored, pulumi.ResourceOptions], Component[Any] | None]
"""Registers the alarms of a cloud; None: its section has no ``monitoring``."""

CloudRule = Callable[[CloudSections[LocationT, FunctionT, ContainerT], Shared], Iterable[Problem]]
"""A rule between the sections of one cloud."""


@dataclass(frozen=True, kw_only=True)
class CloudTarget(Generic[LocationT, FunctionT, ContainerT]):
    """Everything that the stacks know of one cloud.

    Attributes:
        location: the model of ``clouds.<cloud>``: where in the cloud.
        forms: of texts in its sections.
        provider: registers the explicit provider; tags are of all that it makes.
        rules: between its sections, each with the paths that it reads.
        serverless: the server as a function; None where the cloud has none.
        containers: the server as a managed container; None where the cloud has none.
        monitor: registers alarms and a dashboard, if ``clouds.<cloud>.monitoring`` is there; None
            where the cloud has none.
    """

    location: type[LocationT]
    forms: tuple[Form, ...]
    provider: Callable[[LocationT, Mapping[str, str]], pulumi.ProviderResource]
    rules: tuple[tuple[tuple[str, ...], CloudRule[LocationT, FunctionT, ContainerT]], ...] = ()
    serverless: Server[LocationT, FunctionT] | None = None
    containers: Server[LocationT, ContainerT] | None = None
    monitor: Monitor[LocationT] | None = None

    def server(self, kind: str) -> Server[LocationT, Any] | None:
        """The server that a section switches on."""
        return {"serverless": self.serverless, "containers": self.containers}[kind]
