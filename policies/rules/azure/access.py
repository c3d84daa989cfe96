"""Role assignments, and the tags by which an owner is found."""

from __future__ import annotations

from typing import Any, Final

from components.azure.tokens import ROLES, TAGGED

from ...finding import Severity
from ...rule import Required, present
from .types import ASSIGNMENT


def _on_one_resource(scope: Any) -> bool:
    return isinstance(scope, str) and "/providers/" in scope


def _known_role(definition: Any) -> bool:
    return str(definition).rpartition("/")[2] in ROLES.values()


REQUIRED: Final[tuple[Required, ...]] = (
    *(
        Required(
            id="azure-tags-001",
            severity=Severity.LOW,
            reference="https://learn.microsoft.com/azure/azure-resource-manager/management/tag-resources",
            house=True,
            on=token,
            path="tags",
            allowed=present,
            consequence="its owner and its costs would be unknown",
            fix="create it with AzureGroup.make, which adds the tags of the stack",
        )
        for token in sorted(TAGGED)
    ),
    Required(
        id="azure-rbac-001",
        severity=Severity.MEDIUM,
        reference="https://learn.microsoft.com/azure/role-based-access-control/scope-overview",
        on=ASSIGNMENT,
        path="scope",
        allowed=_on_one_resource,
        consequence="it applies to everything in the resource group or the subscription",
        fix="pass the id of the one resource",
    ),
    Required(
        id="azure-rbac-002",
        severity=Severity.HIGH,
        reference="https://learn.microsoft.com/azure/role-based-access-control/best-practices",
        house=True,
        on=ASSIGNMENT,
        path="roleDefinitionId",
        allowed=_known_role,
        consequence="it may be Owner or Contributor, which can do anything there",
        fix=f"one of: {', '.join(ROLES)}",
    ),
)
