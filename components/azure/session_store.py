"""The session store on Azure: a table in a storage account without keys."""

from __future__ import annotations

import pulumi

from ..base.cloud_resource import CloudResource
from ..mcp.server_config import State
from .identity import assign_role
from .resource_group import AzureGroup
from .tokens import STORAGE


def storage_account(
    group: AzureGroup, *, protect: bool, zone_redundant: bool, only_from: str | None
) -> CloudResource:
    """A storage account without keys: every request needs an identity.

    Args:
        group: of the component.
        protect: refuse to delete it.
        zone_redundant: keep a copy in each of three zones.
        only_from: id of the one subnet that may connect; None: any network.
    """
    closed = {
        "defaultAction": "Deny",
        "bypass": "None",
        "virtualNetworkRules": [{"virtualNetworkResourceId": only_from, "action": "Allow"}],
    }
    return group.make(
        STORAGE,
        "storage",
        {
            "kind": "StorageV2",
            "sku": {"name": "Standard_ZRS" if zone_redundant else "Standard_LRS"},
            "allowSharedKeyAccess": False,
            "allowBlobPublicAccess": False,
            "allowCrossTenantReplication": False,
            "defaultToOAuthAuthentication": True,
            "enableHttpsTrafficOnly": True,
            "isLocalUserEnabled": False,
            "minimumTlsVersion": "TLS1_2",
            "networkRuleSet": closed if only_from else None,
        },
        outputs=("primaryEndpoints",),
        protect=protect,
    )


def session_store(
    group: AzureGroup, storage: CloudResource, identity: CloudResource, *, protect: bool
) -> tuple[State, list[pulumi.Resource]]:
    """The table as the server's configuration names it, and what the server should depend on."""
    sessions = group.make(
        "azure-native:storage:Table",
        "sessions",
        {"accountName": storage.output("name"), "tableName": "sessions"},
        protect=protect,
    )
    role = "Storage Table Data Contributor"
    right = assign_role(group, identity, role, sessions.output("id"), on="sessions")
    endpoint = storage.output("primaryEndpoints").apply(lambda to: to["table"].rstrip("/"))
    where = {"endpoint": endpoint, "sessions": sessions.output("tableName")}
    return State(kind="azure-tables", where=where), [right]
