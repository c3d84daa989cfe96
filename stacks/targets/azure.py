"""The server on Azure, as its section says."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

import pulumi

from components.mcp.target import McpTarget

from .target import Clouds, Target

if TYPE_CHECKING:
    from components.azure.resource_group import AzureSecrets


def _azure_function(name: str, clouds: Clouds, options: pulumi.ResourceOptions) -> McpTarget[Any]:
    from components.azure.function import AzureAccess, AzureFunction, AzureFunctionArgs

    section = clouds.config.serverless.azure
    assert section is not None
    args = AzureFunctionArgs(
        location=clouds.azure,
        archive=clouds.archives["azure-function"],
        config=clouds.server(),
        access=AzureAccess(public=section.public, allowed_from=section.clients),
        secrets=_secrets(section.vault, section.secrets),
        subnet=section.subnet,
        memory_mb=section.memory_mb,
        max_instances=section.max_instances,
        log_days=section.log_retention_days,
        protect=clouds.protect,
    )
    return AzureFunction(name, args, opts=options)


def _azure_container(name: str, clouds: Clouds, options: pulumi.ResourceOptions) -> McpTarget[Any]:
    from components.azure.container import AzureContainer
    from components.azure.container_args import AzureContainerArgs, AzureContainerKind

    section = clouds.config.containers.azure
    assert section is not None
    args = AzureContainerArgs(
        location=clouds.azure,
        image=clouds.image(section.image),
        config=clouds.server(domain=section.domain),
        kind=AzureContainerKind(section.kind),
        public=section.public,
        subnet=section.subnet,
        registry=section.registry,
        secrets=_secrets(section.vault, section.secrets),
        min_instances=section.min_instances,
        max_instances=section.max_instances,
        log_days=section.log_retention_days,
        protect=clouds.protect,
    )
    return AzureContainer(name, args, opts=options)


def _secrets(vault: str | None, versions: Mapping[str, str]) -> AzureSecrets | None:
    from components.azure.resource_group import AzureSecrets

    return AzureSecrets(vault=vault, versions=versions) if vault else None


TARGETS: Final[Mapping[str, Target]] = {
    "serverless": Target("azure-function", _azure_function, "azure-function", beside=("command",)),
    "containers": Target("azure-container", _azure_container),
}
"""By the section that switches it on."""
