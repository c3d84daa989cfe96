"""Type tokens of every component: part of each URN, so changing one replaces what is deployed."""

from typing import Final

TYPE_TOKENS: Final = {
    "AwsBackupBucket": "qudag-mcp:index:AwsBackupBucket",
    "AwsLambda": "qudag-mcp:index:AwsLambda",
    "AwsMonitoring": "qudag-mcp:index:AwsMonitoring",
    "AzureBackupStorage": "qudag-mcp:index:AzureBackupStorage",
    "AzureContainerApp": "qudag-mcp:index:AzureContainer",
    "AzureContainerGroup": "qudag-mcp:index:AzureContainerGroup",
    "AzureFunction": "qudag-mcp:index:AzureFunction",
    "AzureMonitoring": "qudag-mcp:index:AzureMonitoring",
    "AzurePostgresqlDataTier": "qudag-mcp:index:AzurePostgresqlDataTier",
    "CloudNativePgDataTier": "qudag-mcp:index:CloudNativePgDataTier",
    "CloudRun": "qudag-mcp:index:CloudRun",
    "CloudSqlDataTier": "qudag-mcp:index:CloudSqlDataTier",
    "Core": "qudag-mcp:index:Core",
    "CronJob": "qudag-mcp:index:CronJob",
    "DatabaseBackup": "qudag-mcp:index:DatabaseBackup",
    "EcsFargate": "qudag-mcp:index:EcsFargate",
    "EgressProxy": "qudag-mcp:index:EgressProxy",
    "EmbeddedDataTier": "qudag-mcp:index:DataTier",
    "ExternalDataTier": "qudag-mcp:index:ExternalDataTier",
    "FlowPolicies": "qudag-mcp:index:FlowPolicies",
    "Gateway": "qudag-mcp:index:Gateway",
    "GcpBackupBucket": "qudag-mcp:index:GcpBackupBucket",
    "GcpFunction": "qudag-mcp:index:GcpFunction",
    "GcpMonitoring": "qudag-mcp:index:GcpMonitoring",
    "HumanRoles": "qudag-mcp:index:HumanRoles",
    "Job": "qudag-mcp:index:Job",
    "LockedNamespace": "qudag-mcp:index:LockedNamespace",
    "LogCollector": "qudag-mcp:index:LogCollector",
    "LogForwarder": "qudag-mcp:index:LogForwarder",
    "LogStore": "qudag-mcp:index:LogStore",
    "McpService": "qudag-mcp:index:McpService",
    "Monolith": "qudag-mcp:index:Monolith",
    "Grafana": "qudag-mcp:index:Grafana",
    "GrafanaDashboards": "qudag-mcp:index:GrafanaDashboards",
    "OperatorObservability": "qudag-mcp:index:OperatorObservability",
    "QudagNode": "qudag-mcp:index:QudagNode",
    "RdsDataTier": "qudag-mcp:index:RdsDataTier",
    "Runbooks": "qudag-mcp:index:Runbooks",
    "SecretSync": "qudag-mcp:index:SecretSync",
    "SharedVolume": "qudag-mcp:index:SharedVolume",
    "Alertmanager": "qudag-mcp:index:Alertmanager",
    "BlackboxExporter": "qudag-mcp:index:BlackboxExporter",
    "StandaloneObservability": "qudag-mcp:index:StandaloneObservability",
    "TraceCollector": "qudag-mcp:index:TraceCollector",
    "TraceStore": "qudag-mcp:index:TraceStore",
    "UserServer": "qudag-mcp:index:UserServer",
    "VolumeBackup": "qudag-mcp:index:VolumeBackup",
    "Workload": "qudag-mcp:index:Workload",
}

FORMER_TOKENS: Final = {
    "AzureContainerGroup": "qudag-mcp:index:AzureContainer",
    "AzurePostgresqlDataTier": "qudag-mcp:index:DataTier",
    "CloudSqlDataTier": "qudag-mcp:index:DataTier",
    "RdsDataTier": "qudag-mcp:index:DataTier",
}
"""Tokens that components had before; an alias keeps what was deployed under them."""


def type_token(component: str) -> str:
    """The type token of a component class; the table pins the tokens that are deployed."""
    return TYPE_TOKENS.get(component, f"qudag-mcp:index:{component}")
