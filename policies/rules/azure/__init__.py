"""Rules for Azure: encrypted, private, logged, backed up, inside its limits."""

from __future__ import annotations

from typing import Final

from components.azure.facts import AZURE_CONTAINER_APP_REQUEST, AZURE_FUNCTION_RESPONSE
from components.azure.tokens import STORAGE, TAGGED, WORKSPACE

from ...finding import Severity
from ...rule import CloudRules, Companion, Host, references
from . import (
    access,
    alerts,
    containers,
    data,
    functions,
    network,
    reverse_proxies,
    roles,
    services,
)
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

_LEARN: Final = "https://learn.microsoft.com/azure/"

COMPANIONS: Final[tuple[Companion, ...]] = (
    *(
        Companion(
            id="azure-monitor-001",
            severity=Severity.LOW,
            reference=f"{_LEARN}azure-monitor/platform/diagnostic-settings",
            house=True,
            on=each,
            companion=LOGGED,
            by="resourceUri",
            consequence="its logs would be lost",
        )
        for each in (ENVIRONMENT, GROUP)
    ),
    *(
        Companion(
            id="azure-web-009",
            severity=Severity.LOW,
            reference=f"{_LEARN}app-service/configure-basic-auth-disable",
            on=APP,
            companion=f"azure-native:web:{kind}",
            by="name",
            consequence="a user and a password would be enough to replace its program",
        )
        for kind in ("WebAppScmAllowed", "WebAppFtpAllowed")
    ),
)

REFERENCES: Final = references(
    "azure-reference-001",
    (
        *(
            (token, "resourceGroupName", RESOURCES, "name")
            for token in sorted(TAGGED - {RESOURCES})
        ),
        *(
            (f"azure-native:storage:{part}", "accountName", STORAGE, "name")
            for part in ("BlobContainer", "Table")
        ),
        (ASSIGNMENT, "principalId", IDENTITY, "principalId"),
        (APP, "serverFarmId", "azure-native:web:AppServicePlan", "id"),
        (APP, f"{DEPLOYMENT}.userAssignedIdentityResourceId", IDENTITY, "id"),
        *(
            (each, "identity.userAssignedIdentities[*]", IDENTITY, "id")
            for each in (APP, CONTAINER_APP, GROUP)
        ),
        (CONTAINER_APP, "managedEnvironmentId", ENVIRONMENT, "id"),
        (INSIGHTS, "workspaceResourceId", WORKSPACE, "id"),
        (LOGGED, "workspaceId", WORKSPACE, "id"),
    ),
)

HOSTS: Final = (
    Host(
        id="azure-timeout-001",
        severity=Severity.MEDIUM,
        reference=AZURE_FUNCTION_RESPONSE.source,
        house=True,
        on=APP,
        variables="siteConfig.appSettings",
        limit=AZURE_FUNCTION_RESPONSE,
    ),
    Host(
        id="azure-timeout-002",
        severity=Severity.MEDIUM,
        reference=AZURE_CONTAINER_APP_REQUEST.source,
        house=True,
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
        *services.REQUIRED,
        *alerts.REQUIRED,
    ),
    companions=COMPANIONS,
    references=REFERENCES,
    hosts=HOSTS,
    checks=(data.PARAMETERS, reverse_proxies.CHECK, network.CHECK, roles.CHECK),
)
"""All rules for Azure."""
