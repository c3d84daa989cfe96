"""Managed identities and role assignments."""

from __future__ import annotations

from typing import Final

import pulumi

from ..base.cloud_resource import CloudResource
from .resource_group import AzureGroup
from .tokens import ROLES

_IDENTITY: Final = "azure-native:managedidentity:UserAssignedIdentity"


def managed_identity(group: AzureGroup, role: str = "identity") -> CloudResource:
    """A managed identity of the component, without any role; ``role`` names it."""
    return group.make(_IDENTITY, role, {}, outputs=("principalId", "clientId"))


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
