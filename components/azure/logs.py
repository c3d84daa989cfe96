"""Log Analytics workspaces with a retention."""

from __future__ import annotations

from collections.abc import Iterable

from ..base.cloud_resource import CloudResource
from .resource_group import AzureGroup
from .tokens import WORKSPACE


def log_workspace(group: AzureGroup, *, retention_days: int) -> CloudResource:
    """A Log Analytics workspace with a retention, which accepts logs from identities only."""
    return group.make(
        WORKSPACE,
        "logs",
        {
            "sku": {"name": "PerGB2018"},
            "retentionInDays": retention_days,
            # A workspace key would let everyone who has it write logs.
            "features": {"disableLocalAuth": True},
        },
    )


def send_logs(
    group: AzureGroup, source: CloudResource, workspace: CloudResource, categories: Iterable[str]
) -> None:
    """Sends logs of a resource to the workspace, without the workspace's key."""
    CloudResource(
        "azure-native:monitor:DiagnosticSetting",
        group.owner.named("log-route"),
        {
            "name": "to-workspace",
            "resourceUri": source.output("id"),
            "workspaceId": workspace.output("id"),
            "logs": [{"category": each, "enabled": True} for each in categories],
        },
        opts=group.owner.owned(),
    )
