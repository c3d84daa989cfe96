"""Resource types and roles of Azure.

Apart from the components that use them, so that rules read them without Pulumi's SDK.
"""

from __future__ import annotations

from typing import Final

GROUP: Final = "azure-native:resources:ResourceGroup"
STORAGE: Final = "azure-native:storage:StorageAccount"
ACTION_GROUP: Final = "azure-native:monitor:ActionGroup"
BUDGET: Final = "azure-native:consumption:Budget"
LOG_ALERT: Final = "azure-native:monitor:ScheduledQueryRule"
METRIC_ALERT: Final = "azure-native:monitor:MetricAlert"
WORKBOOK: Final = "azure-native:applicationinsights:Workbook"
WORKSPACE: Final = "azure-native:operationalinsights:Workspace"
TAGGED: Final = frozenset(
    {
        GROUP,
        ACTION_GROUP,
        LOG_ALERT,
        METRIC_ALERT,
        WORKBOOK,
        "azure-native:app:ContainerApp",
        "azure-native:app:ManagedEnvironment",
        "azure-native:applicationinsights:Component",
        "azure-native:containerinstance:ContainerGroup",
        "azure-native:dbforpostgresql:Server",
        "azure-native:managedidentity:UserAssignedIdentity",
        "azure-native:network:PrivateEndpoint",
        "azure-native:operationalinsights:Workspace",
        "azure-native:redisenterprise:RedisEnterprise",
        "azure-native:storage:StorageAccount",
        "azure-native:web:AppServicePlan",
        "azure-native:web:WebApp",
    }
)
"""Types that have a location and tags; every other type is a part of one of these."""
ROLES: Final = {
    "AcrPull": "7f951dda-4ed3-4680-a7ca-43fe172d538d",
    "Key Vault Secrets User": "4633458b-17de-408a-b874-0445c86b69e6",
    "Monitoring Metrics Publisher": "3913510d-42f4-4e42-8a64-420c390055eb",
    "Storage Blob Data Contributor": "ba92f5b4-2d11-453d-a403-e96b0029c9fe",
    "Storage Blob Data Reader": "2a2b9908-6ea1-4ae2-8e65-a410df84e7d1",
    "Storage Table Data Contributor": "0a9a7e1f-b9d0-4cc4-a60d-0319b160aaa3",
}
"""Ids of built-in roles, the same in every tenant (Azure RBAC, Azure built-in roles)."""
