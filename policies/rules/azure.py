"""What Azure resources must be: encrypted, private, logged, backed up, inside limits."""

from __future__ import annotations

import re
from typing import Any, Final

from components.azure.facts import (
    AZURE_CONTAINER_APP_GRACE,
    AZURE_FUNCTION_INSTANCES,
    AZURE_LOG_DAYS,
)
from components.azure.resource_group import ROLES, STORAGE, TAGGED, WORKSPACE

from ..rule import Companion, Reference, Required, pinned, within
from .azure_data import DATA

APP: Final = "azure-native:web:WebApp"
ASSIGNMENT: Final = "azure-native:authorization:RoleAssignment"
CONTAINER_APP: Final = "azure-native:app:ContainerApp"
ENVIRONMENT: Final = "azure-native:app:ManagedEnvironment"
GROUP: Final = "azure-native:containerinstance:ContainerGroup"
IDENTITY: Final = "azure-native:managedidentity:UserAssignedIdentity"
INSIGHTS: Final = "azure-native:applicationinsights:Component"
LOGGED: Final = "azure-native:monitor:DiagnosticSetting"
RESOURCES: Final = "azure-native:resources:ResourceGroup"

_DEPLOYMENT: Final = "functionAppConfig.deployment.storage.authentication"
_KEY: Final = re.compile(r"(AccountKey|SharedAccessKey|Password|Pwd)=", re.IGNORECASE)


def _said(value: Any) -> bool:
    return bool(value)


def _on_one_resource(scope: Any) -> bool:
    return isinstance(scope, str) and "/providers/" in scope


def _known_role(definition: Any) -> bool:
    return str(definition).rpartition("/")[2] in ROLES.values()


def _without_key(value: Any) -> bool:
    return not _KEY.search(str(value))


REQUIRED: Final[tuple[Required, ...]] = (
    *DATA,
    *(
        Required(
            on=token,
            path="tags",
            allowed=_said,
            consequence="nobody could tell whose it is, or what it costs for",
            fix="make it with AzureGroup.make, which gives it the place's tags",
        )
        for token in sorted(TAGGED)
    ),
    Required(
        on=APP,
        path="httpsOnly",
        allowed=(True,),
        consequence="bearer tokens would cross the internet in clear text",
        fix="set it to true",
    ),
    Required(
        on=APP,
        path="siteConfig.minTlsVersion",
        allowed=("1.2", "1.3"),
        consequence="clients could use a TLS that is broken",
        fix="set it to 1.2",
    ),
    Required(
        on=APP,
        path="siteConfig.ftpsState",
        allowed=("Disabled",),
        consequence="its files could be replaced by FTP",
        fix="set it to Disabled",
    ),
    Required(
        on=APP,
        path="siteConfig.ipSecurityRestrictionsDefaultAction",
        allowed=("Allow", "Deny"),
        consequence="nobody has decided who reaches it",
        fix="set it to Deny, and name networks; or to Allow",
    ),
    Required(
        on=APP,
        path="siteConfig.appSettings[*].value",
        allowed=_without_key,
        consequence="a key or a password would stand in the program and in its state",
        fix="use the app's identity, or a reference to Key Vault",
    ),
    Required(
        on=APP,
        path=f"{_DEPLOYMENT}.type",
        allowed=("UserAssignedIdentity", "SystemAssignedIdentity"),
        consequence="it would need the account's key, which the account refuses",
        fix="set it to UserAssignedIdentity",
    ),
    Required(
        on=APP,
        path="functionAppConfig.scaleAndConcurrency.maximumInstanceCount",
        allowed=within(AZURE_FUNCTION_INSTANCES),
        consequence="the cloud refuses it (Azure Functions, Flex Consumption plan, Scale)",
        fix=f"set at most {AZURE_FUNCTION_INSTANCES.most}",
    ),
    *(
        Required(
            on=f"azure-native:web:{kind}",
            path="allow",
            allowed=(False,),
            consequence="a user and a password would be enough to replace its program",
            fix="set it to false",
        )
        for kind in ("WebAppScmAllowed", "WebAppFtpAllowed")
    ),
    Required(
        on=CONTAINER_APP,
        path="configuration.ingress.allowInsecure",
        allowed=(False,),
        consequence="bearer tokens would cross the internet in clear text",
        fix="set it to false",
    ),
    Required(
        on=CONTAINER_APP,
        path="configuration.secrets[*].value",
        allowed=(),
        consequence="the secret would stand in the program and in its state",
        fix="set keyVaultUrl and identity instead",
        absent=True,
    ),
    Required(
        on=CONTAINER_APP,
        path="configuration.registries[*].passwordSecretRef",
        allowed=(),
        consequence="the registry's password would have to be kept and rotated",
        fix="set identity instead",
        absent=True,
    ),
    Required(
        on=CONTAINER_APP,
        path="template.containers[*].probes",
        allowed=_said,
        consequence="requests would reach a replica that cannot answer",
        fix="add probes on /health and /ready",
    ),
    Required(
        on=CONTAINER_APP,
        path="template.containers[*].image",
        allowed=pinned,
        consequence="replicas that start at other times would run other programs",
        fix="name a version, or a digest",
    ),
    Required(
        on=CONTAINER_APP,
        path="template.terminationGracePeriodSeconds",
        allowed=within(AZURE_CONTAINER_APP_GRACE),
        consequence="calls in flight would be cut after 30 s, or the cloud refuses it",
        fix=f"set the budget's grace, at most {AZURE_CONTAINER_APP_GRACE.most}",
    ),
    Required(
        on=ENVIRONMENT,
        path="appLogsConfiguration.destination",
        allowed=("azure-monitor", "log-analytics"),
        consequence="logs would be kept nowhere",
        fix="set it to azure-monitor",
    ),
    Required(
        on=GROUP,
        path="ipAddress.type",
        allowed=("Private",),
        consequence="a group has no TLS: bearer tokens would cross the internet in clear text",
        fix="set it to Private, with a gateway before it",
    ),
    Required(
        on=GROUP,
        path="containers[*].environmentVariables[*].secureValue",
        allowed=(),
        consequence="the secret would stand in the program and in its state",
        fix="run it as a container app, whose secrets are references to Key Vault",
        absent=True,
    ),
    Required(
        on=GROUP,
        path="imageRegistryCredentials[*].password",
        allowed=(),
        consequence="the registry's password would stand in the program and in its state",
        fix="set identity instead",
        absent=True,
    ),
    Required(
        on=WORKSPACE,
        path="retentionInDays",
        allowed=within(AZURE_LOG_DAYS),
        consequence="nobody has decided how long logs are kept, or the cloud refuses it",
        fix=f"set {AZURE_LOG_DAYS.least} to {AZURE_LOG_DAYS.most}",
    ),
    Required(
        on=INSIGHTS,
        path="disableLocalAuth",
        allowed=(True,),
        consequence="whoever has its key writes telemetry that looks like the server's",
        fix="set it to true",
    ),
    Required(
        on=ASSIGNMENT,
        path="scope",
        allowed=_on_one_resource,
        consequence="it reaches everything in the resource group or the subscription",
        fix="pass the id of the one resource",
    ),
    Required(
        on=ASSIGNMENT,
        path="roleDefinitionId",
        allowed=_known_role,
        consequence="it may be Owner or Contributor, which can do anything there",
        fix=f"one of: {', '.join(ROLES)}",
    ),
)

COMPANIONS: Final[tuple[Companion, ...]] = (
    *(
        Companion(on=each, companion=LOGGED, by="resourceUri", consequence="its logs are lost")
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
    Reference(on=APP, path=f"{_DEPLOYMENT}.userAssignedIdentityResourceId", to=IDENTITY),
    *(
        Reference(on=each, path="identity.userAssignedIdentities[*]", to=IDENTITY)
        for each in (APP, CONTAINER_APP, GROUP)
    ),
    Reference(on=CONTAINER_APP, path="managedEnvironmentId", to=ENVIRONMENT),
    Reference(on=INSIGHTS, path="workspaceResourceId", to=WORKSPACE),
    Reference(on=LOGGED, path="workspaceId", to=WORKSPACE),
)
