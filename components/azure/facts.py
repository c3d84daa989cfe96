"""What is known of Azure: names, limits, replacements, outputs that follow from inputs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from ..base.limits import Limit
from ..base.naming import NameRule

AZURE_FUNCTION_RESPONSE: Final = Limit(
    of="the time to the answer of an HTTP trigger",
    most=230,
    unit="s",
    source="Azure Functions, Function app timeout duration",
    least=1,
)
AZURE_CONTAINER_APP_REQUEST: Final = Limit(
    of="the time of a request through the environment's ingress",
    most=240,
    unit="s",
    source="Azure Container Apps, Ingress, HTTP",
    least=1,
)
AZURE_CONTAINER_APP_GRACE: Final = Limit(
    of="terminationGracePeriodSeconds",
    most=600,
    unit="s",
    source="Azure OSS Developer Support, Graceful termination on Container Apps",
    least=1,
)
AZURE_FUNCTION_INSTANCES: Final = Limit(
    of="maximumInstanceCount of a Flex Consumption app",
    most=1000,
    unit="instances",
    source="Azure Functions, Flex Consumption plan hosting, Scale",
    least=1,
)
AZURE_POSTGRES_BACKUP_DAYS: Final = Limit(
    of="the retention of a flexible server's backups",
    most=35,
    unit="days",
    source="Azure Database for PostgreSQL, Backup and restore",
    least=7,
)
AZURE_LOG_DAYS: Final = Limit(
    of="the retention of a Log Analytics workspace",
    most=730,
    unit="days",
    source="Azure Monitor, Manage data retention in a Log Analytics workspace",
    least=30,
)

AZURE_VERSION: Final = (
    r"https://[a-z][a-z0-9-]{1,22}[a-z0-9]\.vault\.azure\.net"
    r"/secrets/[A-Za-z0-9-]{1,127}/[0-9a-f]{32}"
)
"""The address of one version in a Key Vault."""

_AZURE: Final = "Azure Resource Manager, naming rules and restrictions"
_AZURE_DASHED: Final = r"[a-z]([a-z0-9]|-(?=[a-z0-9]))*"
_AZURE_DASHED_OR_DIGIT: Final = r"[a-z0-9]([a-z0-9]|-(?=[a-z0-9]))*"
_AWS_DASHED: Final = r"[A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?"

NAME_RULES: Final[Mapping[str, NameRule]] = {
    "azure-native:storage:StorageAccount": NameRule(
        shortest=3, longest=24, form=r"[a-z0-9]+", source=_AZURE, key="accountName"
    ),
    "azure-native:app:ContainerApp": NameRule(
        shortest=2, longest=32, form=_AZURE_DASHED, source=_AZURE, key="containerAppName"
    ),
    "azure-native:app:ManagedEnvironment": NameRule(
        shortest=2, longest=60, form=_AZURE_DASHED, source=_AZURE, key="environmentName"
    ),
    "azure-native:applicationinsights:Component": NameRule(
        longest=255, form=r"[\w.()-]*[\w()-]", source=_AZURE, key="resourceName"
    ),
    "azure-native:containerinstance:ContainerGroup": NameRule(
        longest=63, form=_AZURE_DASHED, source=_AZURE, key="containerGroupName"
    ),
    "azure-native:dbforpostgresql:Server": NameRule(
        shortest=3, longest=63, form=_AZURE_DASHED, source=_AZURE, key="serverName"
    ),
    "azure-native:managedidentity:UserAssignedIdentity": NameRule(
        shortest=3, longest=128, form=r"[A-Za-z0-9][\w-]+", source=_AZURE, key="resourceName"
    ),
    "azure-native:network:PrivateEndpoint": NameRule(
        longest=64, form=r"[A-Za-z0-9]([\w.-]*\w)?", source=_AZURE, key="privateEndpointName"
    ),
    "azure-native:operationalinsights:Workspace": NameRule(
        shortest=4,
        longest=63,
        form=r"[A-Za-z0-9][A-Za-z0-9-]+[A-Za-z0-9]",
        source=_AZURE,
        key="workspaceName",
    ),
    "azure-native:redisenterprise:RedisEnterprise": NameRule(
        longest=60, form=r"[A-Za-z0-9]+(-[A-Za-z0-9]+)*", source=_AZURE, key="clusterName"
    ),
    "azure-native:resources:ResourceGroup": NameRule(
        longest=90, form=r"[\w.()-]*[\w()-]", source=_AZURE, key="resourceGroupName"
    ),
    "azure-native:storage:Table": NameRule(
        shortest=3, longest=63, form=r"[A-Za-z][A-Za-z0-9]+", source=_AZURE, key="tableName"
    ),
    "azure-native:storage:BlobContainer": NameRule(
        shortest=3, longest=63, form=_AZURE_DASHED_OR_DIGIT, source=_AZURE, key="containerName"
    ),
    "azure-native:web:AppServicePlan": NameRule(longest=60, form=r"[A-Za-z0-9-]+", source=_AZURE),
    "azure-native:web:WebApp": NameRule(shortest=2, longest=60, form=_AWS_DASHED, source=_AZURE),
}
"""By type token; each with the property that holds the name."""

_AZURE_PLACED = ("location", "resourceGroupName")
REPLACING: Final[Mapping[str, tuple[str, ...]]] = {
    "azure-native:app:ManagedEnvironment": (*_AZURE_PLACED, "vnetConfiguration"),
    "azure-native:authorization:RoleAssignment": ("",),
    "azure-native:containerinstance:ContainerGroup": (*_AZURE_PLACED, "osType", "subnetIds"),
    "azure-native:dbforpostgresql:Database": ("",),
    "azure-native:dbforpostgresql:Server": (
        *_AZURE_PLACED,
        "network.delegatedSubnetResourceId",
        "network.privateDnsZoneArmResourceId",
    ),
    "azure-native:managedidentity:UserAssignedIdentity": _AZURE_PLACED,
    "azure-native:operationalinsights:Workspace": _AZURE_PLACED,
    "azure-native:redisenterprise:RedisEnterprise": _AZURE_PLACED,
    "azure-native:resources:ResourceGroup": ("location",),
    "azure-native:storage:Blob": ("",),
    "azure-native:storage:BlobContainer": ("accountName", "resourceGroupName"),
    "azure-native:storage:StorageAccount": _AZURE_PLACED,
    "azure-native:storage:Table": ("accountName", "resourceGroupName"),
    "azure-native:web:WebApp": _AZURE_PLACED,
}
"""By type: properties whose change replaces the resource; the empty path stands for each."""

_GROUP: Final = "/subscriptions/{subscription}/resourceGroups/{resourceGroupName}"

_STORAGE: Final = f"{_GROUP}/providers/Microsoft.Storage/storageAccounts/{{accountName}}"


def _id(type_: str, key: str) -> str:
    return f"{_GROUP}/providers/{type_}/{{{key}}}"


PREDICTED_OUTPUTS: Final[Mapping[str, Mapping[str, str]]] = {
    "azure-native:app:ContainerApp": {
        "id": _id("Microsoft.App/containerApps", "containerAppName"),
        "name": "{containerAppName}",
    },
    "azure-native:app:ManagedEnvironment": {
        "id": _id("Microsoft.App/managedEnvironments", "environmentName"),
        "name": "{environmentName}",
        # a word that only the cloud knows stands before the location
        "defaultDomain": "domain-of-{environmentName}.{location}.azurecontainerapps.io",
    },
    "azure-native:applicationinsights:Component": {
        "id": _id("Microsoft.Insights/components", "resourceName"),
        "name": "{resourceName}",
        "connectionString": "InstrumentationKey=key-of-{resourceName}",
    },
    "azure-native:containerinstance:ContainerGroup": {
        "id": _id("Microsoft.ContainerInstance/containerGroups", "containerGroupName"),
        "name": "{containerGroupName}",
    },
    "azure-native:dbforpostgresql:Server": {
        "id": _id("Microsoft.DBforPostgreSQL/flexibleServers", "serverName"),
        "name": "{serverName}",
        "fullyQualifiedDomainName": "{serverName}.postgres.database.azure.com",
    },
    "azure-native:managedidentity:UserAssignedIdentity": {
        "id": _id("Microsoft.ManagedIdentity/userAssignedIdentities", "resourceName"),
        "name": "{resourceName}",
        "principalId": "principal-of-{resourceName}",
        "clientId": "client-of-{resourceName}",
    },
    "azure-native:operationalinsights:Workspace": {
        "id": _id("Microsoft.OperationalInsights/workspaces", "workspaceName"),
        "name": "{workspaceName}",
    },
    "azure-native:redisenterprise:RedisEnterprise": {
        "id": _id("Microsoft.Cache/redisEnterprise", "clusterName"),
        "name": "{clusterName}",
        "hostName": "{clusterName}.{location}.redis.azure.net",
    },
    "azure-native:resources:ResourceGroup": {"id": _GROUP, "name": "{resourceGroupName}"},
    "azure-native:storage:BlobContainer": {
        "id": f"{_STORAGE}/blobServices/default/containers/{{containerName}}",
        "name": "{containerName}",
    },
    "azure-native:storage:StorageAccount": {
        "id": _STORAGE,
        "name": "{accountName}",
        "primaryEndpoints.blob": "https://{accountName}.blob.core.windows.net/",
        "primaryEndpoints.table": "https://{accountName}.table.core.windows.net/",
    },
    "azure-native:storage:Table": {
        "id": f"{_STORAGE}/tableServices/default/tables/{{tableName}}",
        "name": "{tableName}",
    },
    "azure-native:web:AppServicePlan": {"id": _id("Microsoft.Web/serverfarms", "name")},
    "azure-native:web:WebApp": {
        "id": _id("Microsoft.Web/sites", "name"),
        "defaultHostName": "{name}.azurewebsites.net",
    },
}

OUTPUTS_UNLIKE_INPUTS: Final = ("identity",)
"""Properties that come back in another shape: the list of identities as a mapping."""

PROVIDER_VALUES: Final = {"subscription": "subscriptionId", "location": "location"}
"""What templates of ``PREDICTED_OUTPUTS`` may name of the provider, and its property."""
