"""Outputs of Azure resources that follow from names, resource group and subscription."""

from __future__ import annotations

from typing import Final

_GROUP: Final = "/subscriptions/{subscription}/resourceGroups/{resourceGroupName}"

_STORAGE: Final = f"{_GROUP}/providers/Microsoft.Storage/storageAccounts/{{accountName}}"


def _id(type_: str, key: str) -> str:
    return f"{_GROUP}/providers/{type_}/{{{key}}}"


AZURE: Final = {
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

UNLIKE_ITS_INPUT: Final = ("identity",)
"""Properties that come back in another shape: the list of identities as a mapping."""
