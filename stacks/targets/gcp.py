"""Google Cloud: its sections of the stack file, its provider, its rules and its servers."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Annotated, Any, Final, Literal

import pulumi
from pydantic import Field

from components.base.problems import Problem
from components.gcp.forms import (
    BILLING_ACCOUNT,
    CHANNEL,
    KEY,
    MEMBER,
    NETWORK,
    PROJECT,
    REGION,
    SECRET,
)
from components.mcp.log_retention import LOG_DAYS
from components.mcp.target import McpTarget

from ..config.cloud_forms import Variable
from ..config.cloud_otlp import CloudOtlp
from ..config.cloud_servers import (
    Concurrency,
    FunctionSection,
    Instances,
    MostInstances,
    Public,
    ServerSection,
)
from ..config.forms import Image, constraint
from ..config.problem import at
from ..config.section import Section
from .gcp_monitoring import GcpMonitoring, monitoring
from .otlp import otlp_rules, receiver_fields
from .target import (
    CloudSections,
    CloudTarget,
    Deployment,
    Monitored,
    Server,
    Shared,
    UserImage,
    UserPlace,
    UserServers,
)

if TYPE_CHECKING:
    from components.base.component import Component
    from components.gcp.location import GcpLocation
    from components.gcp.otlp import GcpOtlpReceiver

Network = Annotated[str, constraint(NETWORK)]
LogDays = Annotated[
    int, Field(ge=1, le=3650, description="Days that logs are kept (Cloud Logging).")
]
Invokers = Annotated[
    list[Annotated[str, constraint(MEMBER)]],
    Field(description="IAM members that may call it if it is not public, with a Google token."),
]
Ingress = Annotated[
    Literal["all", "internal", "internal-and-load-balancer"],
    Field(
        description="Networks that requests may come from; a load balancer of yours may have a "
        "policy of Cloud Armor."
    ),
]
Secrets = Annotated[
    dict[Variable, Annotated[str, constraint(SECRET)]],
    Field(description="Versions of secrets by environment variable."),
]


class GcpOtlp(CloudOtlp):
    """Where services of Cloud Run send spans and copies of their log lines, by OTLP over HTTP.

    Functions send none.
    """

    token: Annotated[str, constraint(SECRET)] | None = Field(
        default=None,
        description="Version of the secret with the token, which has no spaces; absent: no token "
        "is sent.",
    )


class Gcp(Section):
    """A Google Cloud project, and a region in it."""

    project: Annotated[str, constraint(PROJECT)] = Field(description="Its id.")
    region: Annotated[str, constraint(REGION)] = Field(description="Region of all resources.")
    network: Network | None = Field(
        default=None, description="Your VPC network; absent: no private addresses."
    )
    subnetwork: Network | None = Field(
        default=None, description="The subnetwork in that region that addresses are taken from."
    )
    kms_key: Annotated[str, constraint(KEY)] | None = Field(
        default=None, description="Your key, which encrypts what is stored; absent: Google's."
    )
    monitoring: GcpMonitoring | None = Field(
        default=None,
        description="Alerts on the objectives of observability.alerts and on resources, and a "
        "dashboard, of everything that the stack has here; absent: no alerts.",
    )
    otlp: GcpOtlp | None = Field(
        default=None,
        description="Your receiver of spans and log lines over OTLP; absent: they are not sent.",
    )


class GcpFunction(FunctionSection):
    """The server as a function of Google Cloud."""

    public: Public = False
    ingress: Ingress = "all"
    memory_mb: int = Field(default=1024, ge=256, le=32768, description="Memory in MiB.")
    invokers: Invokers = []
    min_instances: Instances = 0
    max_instances: MostInstances = 10
    concurrency: Concurrency = 80
    log_retention_days: LogDays = LOG_DAYS
    secrets: Secrets = {}


class GcpUserServer(Section):
    """A server of the section servers, as a service of Cloud Run of its own."""

    public: Public = False
    ingress: Ingress = "all"
    image: Image | None = Field(
        default=None,
        description="A copy of its image; absent: servers.<name>.image. Cloud Run pulls from "
        "Artifact Registry and Docker Hub.",
    )
    invokers: Invokers = []
    concurrency: Concurrency = 100
    secrets: Secrets = {}


class GcpContainer(ServerSection):
    """The server as a service of Cloud Run."""

    public: Public = False
    ingress: Ingress = "all"
    image: Image | None = Field(
        default=None,
        description="Absent: images.server. Cloud Run pulls from Artifact Registry and Docker Hub.",
    )
    invokers: Invokers = []
    min_instances: Instances = 1
    max_instances: MostInstances = 10
    concurrency: Concurrency = 100
    log_retention_days: LogDays = LOG_DAYS
    secrets: Secrets = {}
    servers: dict[str, GcpUserServer] = Field(
        default={},
        description="Servers with the target gcp-container, by name. They have the log retention "
        "that is set here.",
    )


GcpSections = CloudSections[Gcp, GcpFunction, GcpContainer]


def images_are_where_cloud_run_pulls(sections: GcpSections, shared: Shared) -> Iterator[Problem]:
    """Cloud Run takes images of Artifact Registry and Docker Hub, and of no other registry."""
    section = sections.containers
    if section is None or not (section.enabled or section.servers):
        return
    image = section.image or shared.image
    yield from _pulled("containers.gcp.image", section.image, image, "qudag-mcp-server")
    for name, entry in section.servers.items():
        image = entry.image or shared.user_images.get(name)
        if image:
            path = f"containers.gcp.servers.{name}.image"
            yield from _pulled(path, entry.image, image, name)


def _pulled(path: str, given: str | None, image: str, name: str) -> Iterator[Problem]:
    registry = image.partition("/")[0]
    if not (registry.endswith((".pkg.dev", "gcr.io")) or registry == "docker.io"):
        yield at(
            path,
            f"is {image}, of {registry}" if given else f"is missing: {image} would be used",
            "Cloud Run pulls from Artifact Registry and Docker Hub only (Cloud Run, Deploying "
            "container images)",
            "copy it to Artifact Registry: europe-west1-docker.pkg.dev/<project>/<repository>/"
            f"{name}",
        )


def _provider(location: Gcp, tags: Mapping[str, str]) -> pulumi.ProviderResource:
    """For the project and region of the configuration."""
    return pulumi.ProviderResource(
        "gcp",
        "gcp",
        {
            "project": location.project,
            "region": location.region,
            "defaultLabels": json.dumps(tags),
        },
    )


def _function(
    name: str,
    location: Gcp,
    section: GcpFunction,
    deployment: Deployment,
    options: pulumi.ResourceOptions,
) -> McpTarget[Any]:
    from components.gcp.access import GcpAccess
    from components.gcp.function import GcpFunction
    from components.gcp.function_args import GcpFunctionArgs

    args = GcpFunctionArgs(
        location=gcp_location(location),
        archive=deployment.archives["gcp-function"],
        config=deployment.server(),
        access=GcpAccess(
            public=section.public,
            allowed_principals=section.invokers,
            ingress=section.ingress,
        ),
        kms_key=location.kms_key,
        secrets=section.secrets,
        memory_mb=section.memory_mb,
        concurrency=section.concurrency,
        min_instances=section.min_instances,
        max_instances=section.max_instances,
        log_retention_days=section.log_retention_days,
        protect=deployment.shared.protect,
    )
    return GcpFunction(name, args, opts=options)


def _container(
    name: str,
    location: Gcp,
    section: GcpContainer,
    deployment: Deployment,
    options: pulumi.ResourceOptions,
) -> McpTarget[Any]:
    from components.gcp.access import GcpAccess
    from components.gcp.container import CloudRun
    from components.gcp.container_args import CloudRunArgs

    args = CloudRunArgs(
        location=gcp_location(location),
        otlp=_receiver(location, deployment.shared),
        image=section.image or deployment.shared.image,
        config=deployment.server(),
        access=GcpAccess(
            public=section.public,
            allowed_principals=section.invokers,
            ingress=section.ingress,
        ),
        kms_key=location.kms_key,
        secrets=section.secrets,
        concurrency=section.concurrency,
        min_instances=section.min_instances,
        max_instances=section.max_instances,
        log_retention_days=section.log_retention_days,
        protect=deployment.shared.protect,
    )
    return CloudRun(name, args, opts=options)


def _user_server(
    name: str,
    place: UserPlace[Gcp, GcpContainer],
    deployment: Deployment,
    image: UserImage,
    options: pulumi.ResourceOptions,
) -> McpTarget[Any]:
    from components.gcp.access import GcpAccess
    from components.gcp.container import CloudRun
    from components.gcp.container_args import CloudRunArgs

    entry: GcpUserServer = place.entry
    args = CloudRunArgs(
        location=gcp_location(place.location),
        otlp=_receiver(place.location, deployment.shared),
        image=place.section.image or deployment.shared.image,
        config=deployment.server(),
        access=GcpAccess(
            public=entry.public, allowed_principals=entry.invokers, ingress=entry.ingress
        ),
        kms_key=place.location.kms_key,
        secrets=entry.secrets,
        upstream=image.container,
        concurrency=entry.concurrency,
        min_instances=image.min_instances,
        max_instances=image.max_instances,
        log_retention_days=place.section.log_retention_days,
        protect=deployment.shared.protect,
    )
    return CloudRun(name, args, opts=options)


def _receiver(location: Gcp, shared: Shared) -> GcpOtlpReceiver | None:
    if location.otlp is None:
        return None
    from components.gcp.otlp import GcpOtlpReceiver

    return GcpOtlpReceiver(**receiver_fields(location.otlp, shared))


def _monitor(
    location: Gcp, monitored: Monitored, options: pulumi.ResourceOptions
) -> Component[Any] | None:
    if location.monitoring is None:
        return None
    return monitoring(location.monitoring, gcp_location(location), monitored, options)


def someone_is_told(sections: GcpSections, _shared: Shared) -> Iterator[Problem]:
    """With monitoring there is an address or a channel."""
    section = sections.location.monitoring if sections.location else None
    if section and not section.emails and not section.channels:
        yield at(
            "clouds.gcp.monitoring.emails",
            "is empty, and so is channels",
            "alerts would notify nobody",
            "write an address, or list notification channels",
        )


def channels_are_of_the_project(sections: GcpSections, _shared: Shared) -> Iterator[Problem]:
    """A channel is for alert policies of its own project."""
    location = sections.location
    if location is None or location.monitoring is None:
        return
    for index, channel in enumerate(location.monitoring.channels):
        if channel.split("/")[1] != location.project:
            yield at(
                f"clouds.gcp.monitoring.channels[{index}]",
                f"is in {channel.split('/')[1]}, and the stack in {location.project}",
                "Google Cloud refuses the alert policies",
                f"make a channel in {location.project}, and write its id",
            )


def gcp_location(location: Gcp) -> GcpLocation:
    """The project, the region and the network, as components take them."""
    from components.gcp.location import GcpLocation

    return GcpLocation(
        project=location.project,
        region=location.region,
        network=location.network,
        subnetwork=location.subnetwork,
    )


TARGET: Final = CloudTarget(
    location=Gcp,
    forms=(BILLING_ACCOUNT, CHANNEL, PROJECT, REGION, NETWORK, SECRET, MEMBER, KEY),
    provider=_provider,
    rules=(
        (
            ("containers.gcp", "images.server", "servers"),
            images_are_where_cloud_run_pulls,
        ),
        (("clouds.gcp",), someone_is_told),
        (("clouds.gcp",), channels_are_of_the_project),
        *otlp_rules("gcp"),
    ),
    monitor=_monitor,
    serverless=Server(
        name="gcp-function",
        section=GcpFunction,
        build=_function,
        drains=lambda _section: False,
        host="gcp-function",
    ),
    containers=Server(
        name="gcp-container",
        section=GcpContainer,
        build=_container,
        drains=lambda _section: False,
        user_servers=UserServers(
            section=GcpUserServer, build=_user_server, lacks=("user", "writable", "scale.cpu")
        ),
    ),
)
"""What the stacks know of Google Cloud."""
