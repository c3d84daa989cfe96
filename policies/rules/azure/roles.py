"""Role assignments and role definitions of Azure, by both providers."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from graph.resource_graph import Resource, ResourceGraph
from graph.tree import entries

from ...documents.azure_roles import GIVES_ROLES, assignment
from ...finding import Severity
from ...property_paths import values
from ...rule import Check, Hit, Rule, at
from .types import ASSIGNMENT

_CLASSIC: Final = "azure:authorization/assignment:Assignment"
_DEFINITIONS: Final = (
    "azure-native:authorization:RoleDefinition",
    "azure:authorization/roleDefinition:RoleDefinition",
)

OWNER: Final = Rule(
    id="azure-rbac-003",
    severity=Severity.CRITICAL,
    reference="https://learn.microsoft.com/azure/role-based-access-control/best-practices",
    refuses="Owner, or a role that gives roles, on a subscription, management group or tenant",
    fix="give the role that is needed, on the resource itself",
)
BROAD: Final = Rule(
    id="azure-rbac-004",
    severity=Severity.HIGH,
    reference="https://learn.microsoft.com/azure/role-based-access-control/best-practices",
    refuses="Owner on a resource group or a resource, and Contributor on more than a resource",
    fix="give the role that is needed, on the resource itself",
)
EVERY_ACTION: Final = Rule(
    id="azure-rbac-005",
    severity=Severity.HIGH,
    reference="CIS Microsoft Azure Foundations Benchmark 1.23",
    refuses="a role of one's own that allows every action",
    fix="list the actions that are used",
)


def roles_are_limited(graph: ResourceGraph) -> Iterator[Hit]:
    """Finds privileged roles on more than one resource."""
    for resource in graph.resources:
        if resource.type in (ASSIGNMENT, _CLASSIC):
            yield from _assigned(resource)
        elif resource.type in _DEFINITIONS:
            for path, actions in values(resource.inputs, "permissions[*].actions"):
                for number, each in enumerate(entries(actions)):
                    if each in ("*", "*/*"):
                        yield at(
                            resource,
                            f"{path}[{number}]",
                            f"allows {each}",
                            "who has the role could do everything there",
                            EVERY_ACTION.fix,
                            EVERY_ACTION.id,
                        )


def _assigned(resource: Resource) -> Iterator[Hit]:
    given = assignment(resource)
    if given.role is None:
        return
    if given.role in GIVES_ROLES:
        rule = OWNER if given.wide else BROAD
    elif given.wide or given.on_group:
        rule = BROAD
    else:
        return
    so = "an attacker who takes over the identity could do everything there"
    yield at(resource, given.path, f"is {given.role}", so, rule.fix, rule.id)


CHECK: Final = Check(
    rules=(OWNER, BROAD, EVERY_ACTION), types=(_CLASSIC, *_DEFINITIONS), find=roles_are_limited
)
