"""Rules for Azure: encrypted, private, logged, backed up, inside its limits."""

from __future__ import annotations

from typing import Final

from components.azure.facts import AZURE_CONTAINER_APP_REQUEST, AZURE_FUNCTION_RESPONSE
from components.azure.logs import WORKSPACE
from components.azure.resource_group import TAGGED
from components.azure.session_store import STORAGE

from ...rule import CloudRules, Companion, Host, Reference
from . import access, containers, data, functions
from .fronts import programs_are_reached_through_the_server
from .types import (
    APP,
    ASSIGNMENT,
    CONTAINER_APP,
    DEPLOYMENT,
    ENVIRONMENT,
    GROUP,
    IDENTITY,
    INSIGHTS,
    LOGGED,
    RESOURCES,
)

COMPANIONS: Final[tuple[Companion, ...]] = (
    *(
        Companion(on=each, companion=LOGGED, by="resourceUri", consequence="its logs would be lost")
        for each in (ENVIRONMENT, GROUP)
    ),
    *(
        Companion(
            on=APP,
            companion=f"azure-native:web:{kind}",
            by="name",
            consequence="a user and a password would be enough to replace its program",
        )
        for kind in ("WebAppScmAllowed", "WebAppFtpAllowed")
    ),
)

REFERENCES: Final[tuple[Reference, ...]] = (
    *(
        Reference(on=token, path="resourceGroupName", to=RESOURCES, output="name")
        for token in sorted(TAGGED - {RESOURCES})
    ),
    *(
        Reference(on=f"azure-native:storage:{part}", path="accountName", to=STORAGE, output="name")
        for part in ("BlobContainer", "Table")
    ),
    Reference(on=ASSIGNMENT, path="principalId", to=IDENTITY, output="principalId"),
    Reference(on=APP, path="serverFarmId", to="azure-native:web:AppServicePlan"),
    Reference(on=APP, path=f"{DEPLOYMENT}.userAssignedIdentityResourceId", to=IDENTITY),
    *(
        Reference(on=each, path="identity.userAssignedIdentities[*]", to=IDENTITY)
        for each in (APP, CONTAINER_APP, GROUP)
    ),
    Reference(on=CONTAINER_APP, path="managedEnvironmentId", to=ENVIRONMENT),
    Reference(on=INSIGHTS, path="workspaceResourceId", to=WORKSPACE),
    Reference(on=LOGGED, path="workspaceId", to=WORKSPACE),
)

HOSTS: Final = (
    Host(on=APP, variables="siteConfig.appSettings", limit=AZURE_FUNCTION_RESPONSE),
    Host(
        on=CONTAINER_APP,
        variables="template.containers.0.env",
        grace="template.terminationGracePeriodSeconds",
        limit=AZURE_CONTAINER_APP_REQUEST,
    ),
)

RULES: Final = CloudRules(
    required=(
        *functions.REQUIRED,
        *containers.REQUIRED,
        *data.REQUIRED,
        *access.REQUIRED,
    ),
    companions=COMPANIONS,
    references=REFERENCES,
    hosts=HOSTS,
    checks=(programs_are_reached_through_the_server,),
)
"""All rules for Azure."""
