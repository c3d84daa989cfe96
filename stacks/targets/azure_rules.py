"""Rules between the sections of the stack file for Azure."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from components.base.problems import Problem

from ..config.problem import at
from .azure_sections import Azure, AzureContainer, AzureFunction
from .target import CloudRule, CloudSections, Shared

AzureRule = CloudRule[Azure, AzureFunction, AzureContainer]
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
            yield _no_vault(f"{kind}.azure")
    for name, entry in (sections.containers.servers if sections.containers else {}).items():
        if entry.secrets and entry.vault is None:
            yield _no_vault(f"containers.azure.servers.{name}")


def tokens_have_their_vault(sections: AzureSections, _shared: Shared) -> Iterator[Problem]:
    """The token for a receiver of OTLP is in the vault, and an app reads it."""
    section = sections.location.otlp if sections.location else None
    if section is None:
        return
    if section.token and section.vault is None:
        yield _no_vault("clouds.azure.otlp")
    elif section.vault and section.token is None:
        yield at(
            "clouds.azure.otlp.vault",
            "is set, and token is missing",
            "it would have no effect",
            "name the secret's version in token, or remove vault",
        )
    elif section.token and section.vault:
        named = section.vault.rpartition("/")[2].lower()
        its = section.token.removeprefix("https://").partition(".")[0]
        if its != named:
            yield at(
                "clouds.azure.otlp.token",
                f"is in the vault {its}, and vault is {named}",
                "the app could not be given the right to read it",
                "use a secret of the vault, or set vault to the one that has it",
            )
    containers = sections.containers
    if section.token and containers and containers.enabled and containers.kind == "group":
        yield at(
            "clouds.azure.otlp.token",
            "is set, and containers.azure.kind is group",
            "a group cannot read Key Vault: the token would be in the state in clear (Azure "
            "Container Instances, REST API, Container groups)",
            "set containers.azure.kind: app, or use a receiver that needs no token",
        )


def _no_vault(path: str) -> Problem:
    return at(
        f"{path}.vault",
        "is missing, and secrets name versions in one",
        "the app could not be given the right to read them",
        "set it to the id of the Key Vault (az keyvault show --query id)",
    )


def user_servers_are_apps_that_can_be_reached(
    sections: AzureSections, _shared: Shared
) -> Iterator[Problem]:
    """A user's server is a container app, which is public or in a subnet of its own."""
    section = sections.containers
    if section is None:
        return
    if section.servers and section.kind == "group":
        yield at(
            "containers.azure.kind",
            "is group, and containers.azure.servers is set",
            "it would not hold for them: a group has no TLS and cannot read secrets",
            "set kind: app",
        )
    subnets = {section.subnet: "containers.azure.subnet"} if section.enabled else {}
    for name, entry in section.servers.items():
        path = f"containers.azure.servers.{name}.subnet"
        if entry.subnet is None and not entry.public:
            yield at(
                path,
                "is missing, and public is false",
                "nothing outside the app's own environment could connect",
                "set the id of a subnet, or public: true",
            )
        if entry.subnet in subnets and entry.subnet is not None:
            yield at(
                path,
                f"is that of {subnets[entry.subnet]}",
                "Azure refuses it: a subnet has one environment (Azure Container Apps, Networking)",
                "set the id of another subnet",
            )
        subnets.setdefault(entry.subnet, path)


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


RULES: Final[tuple[tuple[tuple[str, ...], AzureRule], ...]] = (
    (("containers.azure",), groups_are_private),
    (("containers.azure",), groups_have_no_secrets_and_do_not_scale),
    (("containers.azure",), apps_have_no_other_domain),
    (("containers.azure",), zone_redundant_apps_have_a_subnet_and_two_replicas),
    (("containers.azure",), user_servers_are_apps_that_can_be_reached),
    (("containers.azure", "serverless.azure"), private_storage_has_a_subnet),
    (("containers.azure", "serverless.azure"), secrets_have_a_vault),
    (("clouds.azure", "containers.azure"), tokens_have_their_vault),
)
"""Each rule with the paths that it reads."""
