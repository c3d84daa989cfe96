"""Azure: its sections of the stack file, its provider, its rules and its servers."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Annotated, Any, Final, Literal

import pulumi
from pydantic import Field

from components.azure.forms import ID, LOCATION, RESOURCE, SECRET
from components.base.problems import Problem
from components.mcp.target import McpTarget

from ..config.cloud_forms import Variable
from ..config.cloud_servers import Instances, MostInstances, Public, ServerSection
from ..config.forms import Cidr, Domain, Image, constraint
from ..config.problem import at
from ..config.section import Section
from .target import CloudSections, CloudTarget, Deployment, Server, Shared

if TYPE_CHECKING:
    from components.azure.location import AzureLocation
    from components.azure.secrets import AzureSecrets


Id = Annotated[str, constraint(ID)]
Resource = Annotated[str, constraint(RESOURCE)]
LogDays = Annotated[
    int, Field(ge=30, le=730, description="Days that logs are kept (Log Analytics).")
]
Vault = Annotated[Resource | None, Field(description="The Key Vault that the secrets are in.")]
Secrets = Annotated[
    dict[Variable, Annotated[str, constraint(SECRET)]],
    Field(description="Versions of secrets in Key Vault, by environment variable."),
]


class Azure(Section):
    """An Azure subscription, and a location."""

    subscription: Id = Field(description="Its id.")
    tenant: Id = Field(description="Id of the directory that it belongs to.")
    location: Annotated[str, constraint(LOCATION)] = Field(description="Region of all resources.")


class AzureFunction(ServerSection):
    """The server as a function app of Azure, in the Flex Consumption plan."""

    public: Public = False
    clients: list[Cidr] = Field(
        default=[], description="Networks that may connect if it is not public."
    )
    memory_mb: Literal[512, 2048, 4096] = Field(
        default=2048, description="Memory of an instance in MB."
    )
    max_instances: int = Field(default=40, ge=40, le=1000, description="Most instances.")
    log_retention_days: LogDays = 30
    subnet: Resource | None = Field(
        default=None, description="Subnet for connections to private addresses."
    )
    vault: Vault = None
    secrets: Secrets = {}


class AzureContainer(ServerSection):
    """The server in Azure: as an app that scales, or as a single group of containers."""

    kind: Literal["app", "group"] = Field(
        default="app", description="app: Container Apps; group: one group in a subnet, no scaling."
    )
    public: Public = False
    image: Image | None = Field(default=None, description="Absent: images.server.")
    subnet: Resource | None = Field(
        default=None, description="Subnet of the app or group; a group needs one."
    )
    registry: Resource | None = Field(
        default=None, description="The container registry of the image; absent: a public one."
    )
    domain: Domain | None = Field(
        default=None, description="Host name of the gateway before a group; an app has its own."
    )
    vault: Vault = None
    min_instances: Instances = 1
    max_instances: MostInstances = 10
    log_retention_days: LogDays = 30
    secrets: Secrets = {}


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
    for field, key in (("min_instances", "minInstances"), ("max_instances", "maxInstances")):
        value = getattr(section, field)
        if field in section.model_fields_set and value != 1:
            yield at(
                f"containers.azure.{key}",
                f"is {value}, and kind is group",
                "a group is one instance: it would not scale",
                "leave it out, or set kind: app",
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
