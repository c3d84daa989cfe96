"""Type tokens of Azure."""

from __future__ import annotations

from typing import Final

APP: Final = "azure-native:web:WebApp"
ASSIGNMENT: Final = "azure-native:authorization:RoleAssignment"
CONTAINER_APP: Final = "azure-native:app:ContainerApp"
ENVIRONMENT: Final = "azure-native:app:ManagedEnvironment"
GROUP: Final = "azure-native:containerinstance:ContainerGroup"
IDENTITY: Final = "azure-native:managedidentity:UserAssignedIdentity"
INSIGHTS: Final = "azure-native:applicationinsights:Component"
LOGGED: Final = "azure-native:monitor:DiagnosticSetting"
PARAMETER: Final = "azure-native:dbforpostgresql:Configuration"
POSTGRES: Final = "azure-native:dbforpostgresql:Server"
REDIS: Final = "azure-native:redisenterprise:RedisEnterprise"
REDIS_DATABASE: Final = "azure-native:redisenterprise:Database"
RESOURCES: Final = "azure-native:resources:ResourceGroup"

DEPLOYMENT: Final = "functionAppConfig.deployment.storage.authentication"
"""Path of the settings by which a function app reads its archive."""
