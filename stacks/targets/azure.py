"""Azure: its provider, its rules and its servers."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any, Final

import pulumi

from components.azure.forms import ID, LOCATION, RESOURCE, SECRET
from components.base.problems import Problem
from components.mcp.target import McpTarget

from ..config.problem import at
from .azure_sections import Azure, AzureContainer, AzureFunction
from .target import CloudSections, CloudTarget, Deployment, Server, Shared

if TYPE_CHECKING:
    from components.azure.location import AzureLocation
    from components.azure.secrets import AzureSecrets

AzureSections = CloudSections[Azure, AzureFunction, AzureContainer]


def groups_are_private(sections: AzureSections, _shared: Shared) -> Iterator[Problem]:
    """A container group has no TLS: tokens would cross the internet in clear."""
    section = sections.containers
    if section is None or section.kind != "group" or not section.enabled:
        return
    if section.public:
        yield at(
            "containers.azure.public",
            "is true, and kind is group",
            "a container group has no TLS of its own: tokens would cross the internet in clear",
            "set kind: app, which terminates TLS, or public: false",
        )
    if section.subnet is None:
        yield at(
            "containers.azure.subnet",
            "is missing, and kind is group",
            "without a subnet a group has a public address, without TLS",
            "set it to a subnet that is delegated to Microsoft.ContainerInstance/containerGroups",
        )


def groups_have_no_secrets_and_do_not_scale(
    sections: AzureSections, _shared: Shared
) -> Iterator[Problem]:
    """A container group is one instance, whose variables cannot refer to Key Vault."""
    section = sections.containers
    if section is None or section.kind != "group" or not section.enabled:
        return
    if section.secrets:
        yield at(
            "containers.azure.secrets",
            "is set, and kind is group",
            "a group's variables hold values only: the secrets would be in the state in clear "
            "(Azure Container Instances, REST API, Container groups)",
            "set kind: app, or leave the secrets out",
        )
    for field, key in (("zone_redundant", "zoneRedundant"), ("private_storage", "privateStorage")):
        if getattr(section, field):
            yield at(
                f"containers.azure.{key}",
                "is true, and kind is group",
                "a group is one instance in one zone, and stores nothing: it would have no effect",
                "leave it out, or set kind: app",
            )
    for field, key in (("min_instances", "minInstances"), ("max_instances", "maxInstances")):
        value = getattr(section, field)
        if field in section.model_fields_set and value != 1:
            yield at(
                f"containers.azure.{key}",
                f"is {value}, and kind is group",
                "a group is one instance: it would not scale",
                "leave it out, or set kind: app",
            )


def private_storage_has_a_subnet(sections: AzureSections, _shared: Shared) -> Iterator[Problem]:
    """A private storage account has a subnet."""
    for kind, section in (
        ("serverless", sections.serverless),
        ("containers", sections.containers),
    ):
        if section and section.enabled and section.private_storage and section.subnet is None:
            yield at(
                f"{kind}.azure.subnet",
                "is missing, and privateStorage is true",
                "the storage account would refuse the server too",
                "set the id of a subnet with the service endpoint Microsoft.Storage, or "
                "privateStorage: false",
            )


def zone_redundant_apps_have_a_subnet_and_two_replicas(
    sections: AzureSections, _shared: Shared
) -> Iterator[Problem]:
    """A zone redundant app has a subnet and at least two replicas."""
    section = sections.containers
    if section is None or not section.enabled or section.kind != "app":
        return
    if section.zone_redundant and section.subnet is None:
        yield at(
            "containers.azure.subnet",
            "is missing, and zoneRedundant is true",
            "Azure refuses it: a zone redundant environment is in a subnet of yours",
            "set the id of a subnet that is delegated to Microsoft.App/environments, or "
            "zoneRedundant: false",
        )
    if section.zone_redundant and section.min_instances < 2:
        yield at(
            "containers.azure.minInstances",
            f"is {section.min_instances}, and zoneRedundant is true",
            "one replica is in one zone",
            "write 2 or more, or zoneRedundant: false",
        )


def secrets_have_a_vault(sections: AzureSections, _shared: Shared) -> Iterator[Problem]:
    """Secrets in Azure are of one Key Vault, in which the app's identity is given rights."""
    for kind, section in (
        ("serverless", sections.serverless),
        ("containers", sections.containers),
    ):
        if section and section.secrets and section.vault is None:
            yield at(
                f"{kind}.azure.vault",
                "is missing, and secrets name versions in one",
                "the app could not be given the right to read them",
                "set it to the id of the Key Vault (az keyvault show --query id)",
            )


def apps_have_no_other_domain(sections: AzureSections, _shared: Shared) -> Iterator[Problem]:
    """No domain of the user's is bound to a container app: Azure would answer 404 there."""
    section = sections.containers
    if section and section.enabled and section.kind == "app" and section.domain:
        yield at(
            "containers.azure.domain",
            f"is {section.domain}, and kind is app",
            "Azure would answer 404 there, and the server would not answer to the app's own name",
            "leave it out: an app has a name of its own, which the output targets says",
        )


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
        location=_location(location, deployment),
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
            location=_location(location, deployment),
            image=image,
            config=config,
            subnet=section.subnet,
            registry=section.registry,
            log_retention_days=section.log_retention_days,
            protect=deployment.shared.protect,
        )
        return AzureContainerGroup(name, group, opts=options)
    app = AzureContainerAppArgs(
        location=_location(location, deployment),
        image=image,
        config=config,
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


def _location(location: Azure, deployment: Deployment) -> AzureLocation:
    from components.azure.location import AzureLocation

    return AzureLocation(
        subscription=location.subscription,
        tenant=location.tenant,
        region=location.location,
        tags=deployment.tags,
    )


def _secrets(vault: str | None, versions: Mapping[str, str]) -> AzureSecrets | None:
    from components.azure.secrets import AzureSecrets

    return AzureSecrets(vault=vault, versions=versions) if vault else None


TARGET: Final = CloudTarget(
    location=Azure,
    forms=(ID, LOCATION, RESOURCE, SECRET),
    provider=_provider,
    rules=(
        (("containers.azure",), groups_are_private),
        (("containers.azure",), groups_have_no_secrets_and_do_not_scale),
        (("containers.azure",), apps_have_no_other_domain),
        (("containers.azure",), zone_redundant_apps_have_a_subnet_and_two_replicas),
        (("containers.azure", "serverless.azure"), private_storage_has_a_subnet),
        (("containers.azure", "serverless.azure"), secrets_have_a_vault),
    ),
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
    ),
)
"""What the stacks know of Azure."""
