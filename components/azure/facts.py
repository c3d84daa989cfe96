"""Facts about Azure: limits, names, resource types, outputs, credentials, packages."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from ..base.cloud_facts import Billed, Credentials, ResourceType, resource_type
from ..base.limits import Limit
from ..base.naming import NameRule
from .billed_types import BILLED_TYPES as _BILLED_TYPES
from .common_types import COMMON_TYPES

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
AZURE_SOFT_DELETE_DAYS: Final = Limit(
    of="the days of soft delete for blobs",
    most=365,
    unit="days",
    source="Azure Blob Storage, Soft delete for blobs",
    least=7,
)
AZURE_LOG_DAYS: Final = Limit(
    of="the retention of a Log Analytics workspace",
    most=730,
    unit="days",
    source="Azure Monitor, Manage data retention in a Log Analytics workspace",
    least=30,
)

AZURE_ACTION_GROUPS: Final = 5
"""Action groups of an alert rule at most (Azure Monitor, Service limits, Alerts)."""
CACHE_PORT: Final = 10000
"""Of Azure Managed Redis."""

AZURE_VERSION: Final = (
    r"https://[a-z][a-z0-9-]{1,22}[a-z0-9]\.vault\.azure\.net"
    r"/secrets/[A-Za-z0-9-]{1,127}/[0-9a-f]{32}"
)
"""The address of one version in a Key Vault."""

_AZURE: Final = "Azure Resource Manager, naming rules and restrictions"
_DASHED: Final = r"[a-z]([a-z0-9]|-(?=[a-z0-9]))*"
_DASHED_OR_DIGIT: Final = r"[a-z0-9]([a-z0-9]|-(?=[a-z0-9]))*"
_ALERT_RULE: Final = r"[^:<>%&\\?/\x00-\x1f]*[^:<>%&\\?/\x00-\x1f. ]"
_LETTERS_DIGITS_DASHES: Final = r"[A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?"

NAME_RULES: Final[Mapping[str, NameRule]] = {
    "azure-native:storage:StorageAccount": NameRule(
        shortest=3, longest=24, form=r"[a-z0-9]+", source=_AZURE, key="accountName"
    ),
    "azure-native:app:ContainerApp": NameRule(
        shortest=2, longest=32, form=_DASHED, source=_AZURE, key="containerAppName"
    ),
    "azure-native:app:ManagedEnvironment": NameRule(
        shortest=2, longest=60, form=_DASHED, source=_AZURE, key="environmentName"
    ),
    "azure-native:applicationinsights:Component": NameRule(
        longest=255, form=r"[\w.()-]*[\w()-]", source=_AZURE, key="resourceName"
    ),
    "azure-native:consumption:Budget": NameRule(
        longest=63, form=r"[A-Za-z0-9_-]+", source=_AZURE, key="budgetName"
    ),
    "azure-native:containerinstance:ContainerGroup": NameRule(
        longest=63, form=_DASHED, source=_AZURE, key="containerGroupName"
    ),
    "azure-native:dbforpostgresql:Server": NameRule(
        shortest=3, longest=63, form=_DASHED, source=_AZURE, key="serverName"
    ),
    "azure-native:managedidentity:UserAssignedIdentity": NameRule(
        shortest=3, longest=128, form=r"[A-Za-z0-9][\w-]+", source=_AZURE, key="resourceName"
    ),
    "azure-native:monitor:ActionGroup": NameRule(
        longest=260, form=_ALERT_RULE, source=_AZURE, key="actionGroupName"
    ),
    "azure-native:monitor:MetricAlert": NameRule(
        longest=260, form=_ALERT_RULE, source=_AZURE, key="ruleName"
    ),
    "azure-native:monitor:ScheduledQueryRule": NameRule(
        longest=260, form=_ALERT_RULE, source=_AZURE, key="ruleName"
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
        shortest=3, longest=63, form=_DASHED_OR_DIGIT, source=_AZURE, key="containerName"
    ),
    "azure-native:web:AppServicePlan": NameRule(longest=60, form=r"[A-Za-z0-9-]+", source=_AZURE),
    "azure-native:web:WebApp": NameRule(
        shortest=2, longest=60, form=_LETTERS_DIGITS_DASHES, source=_AZURE
    ),
}
"""By type token; each with the property that holds the name."""

_PLACED: Final = ("location", "resourceGroupName")
_OF_SERVER: Final = ("resourceGroupName", "serverName")
_OF_REDIS: Final = ("clusterName", "databaseName", "resourceGroupName")

RESOURCE_TYPES: Final[Mapping[str, ResourceType]] = {
    **COMMON_TYPES,
    "azure-native:app:ContainerApp": resource_type(
        *_PLACED, "environmentId", "managedEnvironmentId"
    ),
    "azure-native:app:ManagedEnvironment": resource_type(
        *_PLACED, "vnetConfiguration", "zoneRedundant", serves=True
    ),
    "azure-native:applicationinsights:Component": resource_type(*_PLACED),
    "azure-native:applicationinsights:Workbook": resource_type(
        *_PLACED,
        "resourceName",
        harmless="it draws metrics and logs with the rights of who looks at it",
    ),
    "azure-native:authorization:ManagementLockByScope": resource_type(
        "lockName",
        "scope",
        harmless="it prevents deletion",
    ),
    "azure-native:authorization:RoleAssignment": resource_type(""),
    "azure-native:consumption:Budget": resource_type(
        "budgetName",
        "scope",
        harmless="it reads costs, and notifies action groups",
    ),
    "azure-native:containerinstance:ContainerGroup": resource_type(*_PLACED, "osType", "subnetIds"),
    "azure-native:dbforpostgresql:AdministratorsMicrosoftEntra": resource_type(
        *_OF_SERVER,
        "objectId",
        harmless="it names one identity",
    ),
    "azure-native:dbforpostgresql:Configuration": resource_type(*_OF_SERVER, "configurationName"),
    "azure-native:dbforpostgresql:Database": resource_type(
        "",
        holds="the tables in it",
        harmless="its server says who may connect",
    ),
    "azure-native:dbforpostgresql:Server": resource_type(
        *_PLACED,
        "network.delegatedSubnetResourceId",
        "network.privateDnsZoneArmResourceId",
        holds="the databases in it",
    ),
    "azure-native:managedidentity:FederatedIdentityCredential": resource_type(
        *("federatedIdentityCredentialResourceName", "resourceGroupName", "resourceName"),
        harmless="it names one service account of one cluster",
    ),
    "azure-native:managedidentity:UserAssignedIdentity": resource_type(*_PLACED),
    "azure-native:monitor:ActionGroup": resource_type(*_PLACED, "actionGroupName"),
    "azure-native:monitor:DiagnosticSetting": resource_type("name", "resourceUri"),
    "azure-native:monitor:MetricAlert": resource_type(
        *_PLACED, "ruleName", alarm=("actions", "enabled")
    ),
    "azure-native:monitor:ScheduledQueryRule": resource_type(
        *_PLACED, "ruleName", alarm=("actions", "enabled")
    ),
    "azure-native:network:PrivateDnsZoneGroup": resource_type(
        "privateDnsZoneGroupName",
        "privateEndpointName",
        "resourceGroupName",
        harmless="it names a private endpoint",
    ),
    "azure-native:network:PrivateEndpoint": resource_type(*_PLACED),
    "azure-native:operationalinsights:Workspace": resource_type(*_PLACED, holds="the logs in it"),
    "azure-native:redisenterprise:AccessPolicyAssignment": resource_type(
        *_OF_REDIS,
        "accessPolicyAssignmentName",
        harmless="it names one identity",
    ),
    "azure-native:redisenterprise:Database": resource_type(
        *_OF_REDIS, "clusteringPolicy", "modules", "port", holds="the keys in it"
    ),
    "azure-native:redisenterprise:RedisEnterprise": resource_type(
        *_PLACED, holds="the databases in it"
    ),
    "azure-native:resources:ResourceGroup": resource_type("location", holds="everything in it"),
    "azure-native:storage:Blob": resource_type(
        "",
        harmless="its container says who reads it",
    ),
    "azure-native:storage:BlobContainer": resource_type(
        "accountName", "resourceGroupName", holds="the blobs in it"
    ),
    "azure-native:storage:BlobServiceProperties": resource_type(
        "accountName", "blobServicesName", "resourceGroupName"
    ),
    "azure-native:storage:ManagementPolicy": resource_type(
        *("accountName", "managementPolicyName", "resourceGroupName"),
        harmless="it deletes what is older than its days, and gives nobody access",
    ),
    "azure-native:storage:StorageAccount": resource_type(
        *_PLACED, holds="the blobs and tables in it"
    ),
    "azure-native:storage:Table": resource_type(
        "accountName", "resourceGroupName", holds="the entities in it"
    ),
    "azure-native:web:AppServicePlan": resource_type(*_PLACED),
    "azure-native:web:WebApp": resource_type(*_PLACED, serves=True),
    "azure-native:web:WebAppFtpAllowed": resource_type("name", "resourceGroupName"),
    "azure-native:web:WebAppScmAllowed": resource_type("name", "resourceGroupName"),
    # With an ``update`` command, as ours has, changed triggers update it in place.
    "command:local:Command": resource_type(
        harmless="the rules for any type look at its command",
    ),
}
"""A row for each type that a component registers, and for common ones of users' programs."""

BILLED_TYPES: Final[Mapping[str, Billed]] = _BILLED_TYPES
"""By type token: how Azure bills for a resource."""

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
    "azure-native:applicationinsights:Workbook": {
        "id": _id("Microsoft.Insights/workbooks", "resourceName"),
        "name": "{resourceName}",
    },
    "azure-native:monitor:ActionGroup": {
        "id": _id("Microsoft.Insights/actionGroups", "actionGroupName"),
        "name": "{actionGroupName}",
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

PROVIDER_VALUES: Final = {"subscription": "subscriptionId", "location": "location"}
"""Names in ``PREDICTED_OUTPUTS`` that refer to the provider, each with its property."""

OUTPUTS_UNLIKE_INPUTS: Final = ("identity",)
"""Properties whose outputs differ in structure from the inputs of the same name: the list of
identities becomes a mapping."""

CREDENTIALS: Final = Credentials(
    variables=(
        *("ARM_CLIENT_ID", "AZURE_CLIENT_ID", "ARM_USE_MSI", "ARM_USE_OIDC"),
        "AZURE_CONFIG_DIR",
    ),
    files=(".azure/azureProfile.json", ".azure/msal_token_cache.json"),
    vendor="Microsoft",
    fix="az login, or set ARM_CLIENT_ID with the variables that belong to it",
)
"""Where the provider finds credentials."""

SECRET_INPUTS: Final[Mapping[str, tuple[str, ...]]] = {
    "azure-native:keyvault:Secret": ("properties.value",),
}

VALUES_UNLIKE_THE_SDK: Final[Mapping[str, Mapping[str, tuple[str, ...]]]] = {
    # The SDK has one class ConditionOperator, and takes it from another API of Azure Monitor.
    "azure-native:monitor:ScheduledQueryRule": {
        "criteria.allOf[*].operator": (
            *("Equals", "GreaterThan", "GreaterThanOrEqual", "LessThan", "LessThanOrEqual"),
        ),
    },
}
"""Values of Scheduled Query Rules, ConditionOperator (Azure Monitor REST API)."""
