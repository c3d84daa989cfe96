"""Type tokens of every component: part of each URN, so changing one replaces what is deployed."""

from typing import Final

TYPE_TOKENS: Final = {
    "AwsLambda": "qudag-mcp:index:AwsLambda",
    "AzureContainer": "qudag-mcp:index:AzureContainer",
    "AzureFunction": "qudag-mcp:index:AzureFunction",
    "CloudRun": "qudag-mcp:index:CloudRun",
    "Core": "qudag-mcp:index:Core",
    "CronJob": "qudag-mcp:index:CronJob",
    "DataTier": "qudag-mcp:index:DataTier",
    "EcsFargate": "qudag-mcp:index:EcsFargate",
    "FlowPolicies": "qudag-mcp:index:FlowPolicies",
    "Gateway": "qudag-mcp:index:Gateway",
    "GcpFunction": "qudag-mcp:index:GcpFunction",
    "Job": "qudag-mcp:index:Job",
    "LockedNamespace": "qudag-mcp:index:LockedNamespace",
    "McpService": "qudag-mcp:index:McpService",
    "Monolith": "qudag-mcp:index:Monolith",
    "QudagNode": "qudag-mcp:index:QudagNode",
    "Workload": "qudag-mcp:index:Workload",
}


def type_token(component: str) -> str:
    """The type token of a component class; the table pins the tokens that are deployed."""
    return TYPE_TOKENS.get(component, f"qudag-mcp:index:{component}")
