"""What Azure bills for: types and the properties that change their price (Azure price lists)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from ..base.cloud_facts import Billed, billed

BILLED_TYPES: Final[Mapping[str, Billed]] = {
    "azure-native:app:ContainerApp": billed(
        "CPU and memory of its replicas",
        *("template.containers[*].resources", "template.scale"),
        "workloadProfileName",
    ),
    "azure-native:app:ManagedEnvironment": billed(
        "dedicated workload profiles", "workloadProfiles", "zoneRedundant"
    ),
    "azure-native:applicationinsights:Component": billed(
        "ingested telemetry", "retentionInDays", "samplingPercentage"
    ),
    "azure-native:compute:Disk": billed("provisioned storage", "diskSizeGB", "sku", "tier"),
    "azure-native:compute:VirtualMachine": billed(
        "hours of the machine and its disks", "hardwareProfile", "priority", "storageProfile"
    ),
    "azure-native:containerinstance:ContainerGroup": billed(
        "CPU and memory of its containers", "containers[*].resources", "sku"
    ),
    "azure-native:containerregistry:Registry": billed("days of the registry", "sku"),
    "azure-native:containerservice:ManagedCluster": billed(
        "hours of the control plane and its nodes",
        *("agentPoolProfiles[*].count", "agentPoolProfiles[*].maxCount"),
        *("agentPoolProfiles[*].vmSize", "sku"),
    ),
    "azure-native:dbforpostgresql:Server": billed(
        "hours of the server, storage and backups",
        *("backup", "highAvailability", "sku", "storage"),
    ),
    "azure-native:keyvault:Vault": billed("operations", "properties.sku"),
    "azure-native:monitor:MetricAlert": billed("its time series, by the month"),
    "azure-native:monitor:ScheduledQueryRule": billed(
        "its evaluations, by the month", "evaluationFrequency"
    ),
    "azure-native:network:LoadBalancer": billed("hours of a load balancer and its rules", "sku"),
    "azure-native:network:NatGateway": billed("hours of a NAT gateway and the traffic through it"),
    "azure-native:network:PrivateEndpoint": billed("hours of an endpoint and its traffic"),
    "azure-native:network:PublicIPAddress": billed("hours of a public address", "sku"),
    "azure-native:operationalinsights:Workspace": billed(
        "ingested and stored logs", "retentionInDays", "sku", "workspaceCapping"
    ),
    "azure-native:redisenterprise:RedisEnterprise": billed(
        "hours of its nodes", "highAvailability", "sku", "zones"
    ),
    "azure-native:sql:Database": billed(
        "hours of the database and storage", "maxSizeBytes", "sku", "zoneRedundant"
    ),
    "azure-native:storage:StorageAccount": billed("stored data and requests", "accessTier", "sku"),
    "azure-native:web:AppServicePlan": billed(
        "hours of its instances", "elasticScaleEnabled", "sku", "zoneRedundant"
    ),
    "azure-native:web:WebApp": billed(
        "memory and time of its instances", "functionAppConfig.scaleAndConcurrency"
    ),
}
