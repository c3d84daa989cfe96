"""Managed identities and role assignments."""

from __future__ import annotations

from typing import Final

import pulumi

from ..base.cloud_resource import CloudResource
from .resource_group import AzureGroup

ROLES: Final = {
    "AcrPull": "7f951dda-4ed3-4680-a7ca-43fe172d538d",
    "Key Vault Secrets User": "4633458b-17de-408a-b874-0445c86b69e6",
    "Monitoring Metrics Publisher": "3913510d-42f4-4e42-8a64-420c390055eb",
    "Storage Blob Data Contributor": "ba92f5b4-2d11-453d-a403-e96b0029c9fe",
    "Storage Table Data Contributor": "0a9a7e1f-b9d0-4cc4-a60d-0319b160aaa3",
}
"""Ids of built-in roles, the same in every tenant (Azure RBAC, Azure built-in roles)."""

_IDENTITY: Final = "azure-native:managedidentity:UserAssignedIdentity"


def managed_identity(group: AzureGroup) -> CloudResource:
    """A managed identity of the component, without any role."""
    return group.make(_IDENTITY, "identity", {}, outputs=("principalId", "clientId"))


def assign_role(
    group: AzureGroup, identity: CloudResource, role: str, scope: pulumi.Input[str], *, on: str
) -> pulumi.Resource:
    """Assigns a built-in role on one resource.

    Args:
        group: of the component.
        identity: the managed identity.
        role: a key of ROLES.
        scope: id of the resource.
        on: a word for the resource, which the assignment's logical name contains.
    """
    subscription = f"/subscriptions/{group.location.subscription}"
    definitions = f"{subscription}/providers/Microsoft.Authorization/roleDefinitions"
    return CloudResource(
        "azure-native:authorization:RoleAssignment",
        group.owner.named(f"uses-{on}"),
        {
            "principalId": identity.output("principalId"),
            # Without the type Azure looks the identity up, which may not be replicated yet.
            "principalType": "ServicePrincipal",
            "roleDefinitionId": f"{definitions}/{ROLES[role]}",
            "scope": scope,
        },
        opts=group.owner.owned(),
    )
