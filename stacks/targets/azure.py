"""Azure: its provider, its rules and its servers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

import pulumi

from components.azure.forms import ACTION_GROUP, ID, LOCATION, MONTH, RESOURCE, SECRET
from components.mcp.target import McpTarget

from .azure_monitoring import monitoring
from .azure_monitoring_rules import RULES as MONITORING_RULES
from .azure_rules import RULES
from .azure_sections import Azure, AzureContainer, AzureFunction, AzureUserServer
from .otlp import otlp_rules, receiver_fields
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
    from components.azure.location import AzureLocation
    from components.azure.otlp import AzureOtlpReceiver
    from components.azure.secrets import AzureSecrets
    from components.base.component import Component


def _provider(location: Azure, _tags: Mapping[str, str]) -> pulumi.ProviderResource:
    """For the subscription of the configuration; it has no default tags, components set them."""
    return pulumi.ProviderResource(
        "azure-native",
        "azure",
        {
            "subscriptionId": location.subscription,
            "tenantId": location.tenant,
            "location": location.location,
        },
    )


def _function(
    name: str,
    location: Azure,
    section: AzureFunction,
    deployment: Deployment,
    options: pulumi.ResourceOptions,
) -> McpTarget[Any]:
    from components.azure.function import AzureFunction
    from components.azure.function_args import AzureFunctionArgs
    from components.mcp.access import NetworkAccess

    args = AzureFunctionArgs(
        location=azure_location(location, deployment.tags),
        archive=deployment.archives["azure-function"],
        config=deployment.server(),
        access=NetworkAccess(public=section.public, allowed_networks=section.clients),
        secrets=_secrets(section.vault, section.secrets),
        subnet=section.subnet,
        memory_mb=section.memory_mb,
        max_instances=section.max_instances,
        zone_redundant=section.zone_redundant,
        private_storage=section.private_storage,
        log_retention_days=section.log_retention_days,
        protect=deployment.shared.protect,
    )
    return AzureFunction(name, args, opts=options)


def _container(
    name: str,
    location: Azure,
    section: AzureContainer,
    deployment: Deployment,
    options: pulumi.ResourceOptions,
) -> McpTarget[Any]:
    from components.azure.container import AzureContainerApp, AzureContainerGroup
    from components.azure.container_args import AzureContainerAppArgs, AzureContainerGroupArgs
    from components.mcp.access import Access

    image = section.image or deployment.shared.image
    config = deployment.server(domain=section.domain)
    if section.kind == "group":
        assert section.subnet is not None  # groups_are_private
        group = AzureContainerGroupArgs(
            location=azure_location(location, deployment.tags),
            image=image,
            config=config,
            otlp=_receiver(location, deployment.shared),
            subnet=section.subnet,
            registry=section.registry,
            log_retention_days=section.log_retention_days,
            protect=deployment.shared.protect,
        )
        return AzureContainerGroup(name, group, opts=options)
    app = AzureContainerAppArgs(
        location=azure_location(location, deployment.tags),
        image=image,
        config=config,
        otlp=_receiver(location, deployment.shared),
        access=Access(public=section.public),
        subnet=section.subnet,
        registry=section.registry,
        secrets=_secrets(section.vault, section.secrets),
        min_instances=section.min_instances,
        max_instances=section.max_instances,
        zone_redundant=section.zone_redundant,
        private_storage=section.private_storage,
        log_retention_days=section.log_retention_days,
        protect=deployment.shared.protect,
    )
    return AzureContainerApp(name, app, opts=options)


def _user_server(
    name: str,
    place: UserPlace[Azure, AzureContainer],
    deployment: Deployment,
    image: UserImage,
    options: pulumi.ResourceOptions,
) -> McpTarget[Any]:
    from components.azure.container import AzureContainerApp
    from components.azure.container_args import AzureContainerAppArgs
    from components.mcp.access import Access

    entry: AzureUserServer = place.entry
    args = AzureContainerAppArgs(
        location=azure_location(place.location, deployment.tags),
        image=place.section.image or deployment.shared.image,
        config=deployment.server(),
        otlp=_receiver(place.location, deployment.shared),
        access=Access(public=entry.public),
        subnet=entry.subnet,
        registry=place.section.registry,
        secrets=_secrets(entry.vault, entry.secrets),
        upstream=image.container,
        cpu=0.25,
        memory_mb=512,
        concurrency=entry.concurrency,
        min_instances=image.min_instances,
        max_instances=image.max_instances,
        log_retention_days=place.section.log_retention_days,
        protect=deployment.shared.protect,
    )
    return AzureContainerApp(name, args, opts=options)


def _receiver(location: Azure, shared: Shared) -> AzureOtlpReceiver | None:
    if location.otlp is None:
        return None
    from components.azure.otlp import AzureOtlpReceiver

    return AzureOtlpReceiver(**receiver_fields(location.otlp, shared))


def _monitor(
    location: Azure, monitored: Monitored, options: pulumi.ResourceOptions
) -> Component[Any] | None:
    if location.monitoring is None:
        return None
    where = azure_location(location, monitored.tags)
    return monitoring(location.monitoring, where, monitored, options)


def azure_location(location: Azure, tags: Mapping[str, str]) -> AzureLocation:
    """The subscription and the region, as components take them."""
    from components.azure.location import AzureLocation

    return AzureLocation(
        subscription=location.subscription,
        tenant=location.tenant,
        region=location.location,
        tags=tags,
    )


def _secrets(vault: str | None, versions: Mapping[str, str]) -> AzureSecrets | None:
    from components.azure.secrets import AzureSecrets

    return AzureSecrets(vault=vault, versions=versions) if vault else None


TARGET: Final = CloudTarget(
    location=Azure,
    forms=(ACTION_GROUP, ID, LOCATION, MONTH, RESOURCE, SECRET),
    provider=_provider,
    rules=(*RULES, *MONITORING_RULES, *otlp_rules("azure")),
    monitor=_monitor,
    serverless=Server(
        name="azure-function",
        section=AzureFunction,
        build=_function,
        drains=lambda _section: False,
        host="azure-function",
        # The archive is published by a command on the machine that deploys.
        packages=("command",),
    ),
    containers=Server(
        name="azure-container",
        section=AzureContainer,
        build=_container,
        drains=lambda section: section.kind == "app",
        user_servers=UserServers(
            section=AzureUserServer, build=_user_server, lacks=("user", "scale.cpu")
        ),
    ),
)
"""What the stacks know of Azure."""
