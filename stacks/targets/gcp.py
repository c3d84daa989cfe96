"""Google Cloud: its provider and its servers."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

import pulumi

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
from components.mcp.target import McpTarget

from .gcp_monitoring import monitoring
from .gcp_rules import RULES
from .gcp_sections import Gcp, GcpContainer, GcpFunction, GcpUserServer
from .otlp import receiver_fields
from .target import (
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
    rules=RULES,
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
