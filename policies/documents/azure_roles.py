"""Reads role assignments of Azure: the role and its scope."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from graph.resource_graph import Resource

_ROLES: Final = {
    "8e3af657-a8ff-443c-a75c-2fe8c4bcb635": "owner",
    "b24988ac-6180-42a0-ab88-20f7382dd24c": "contributor",
    "18d7d88d-d35e-4fb5-a5c3-7773c20a72d9": "user access administrator",
    "f58310d9-a9f6-439a-9e8d-f62e7b41a168": "role based access control administrator",
}
"""Built-in roles that reach everything, by their ids (Azure built-in roles, Privileged)."""

GIVES_ROLES: Final = frozenset(
    {"owner", "user access administrator", "role based access control administrator"}
)
"""Roles whose holder may give itself any other."""

_WIDE: Final = re.compile(
    r"/?|/subscriptions/[^/]+/?|/providers/microsoft\.management/managementgroups/[^/]+/?"
)
_GROUP: Final = re.compile(r"/subscriptions/[^/]+/resourcegroups/[^/]+/?")


@dataclass(frozen=True, kw_only=True)
class Assignment:
    """One role for one principal.

    Attributes:
        role: name of a privileged built-in role in small letters; None for another one.
        path: of the property that names the role.
        wide: whether it is on a whole subscription, management group or tenant.
        on_group: whether it is on a whole resource group.
    """

    role: str | None
    path: str
    wide: bool
    on_group: bool


def assignment(resource: Resource) -> Assignment:
    """What a role assignment gives."""
    named = next(
        (key for key in ("roleDefinitionId", "roleDefinitionName") if resource.inputs.get(key)),
        "roleDefinitionId",
    )
    text = str(resource.inputs.get(named)).casefold()
    role = _ROLES.get(text.rpartition("/")[2], text if named == "roleDefinitionName" else None)
    scope = str(resource.inputs.get("scope", "")).casefold()
    return Assignment(
        role=role if role in _ROLES.values() else None,
        path=named,
        wide=bool(_WIDE.fullmatch(scope)),
        on_group=bool(_GROUP.fullmatch(scope)),
    )
