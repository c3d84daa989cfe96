"""Roles: which roles are granted, on which resource, to which member."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from components.base.problems import Problem
from components.gcp.access import EVERYONE, INVOKER
from graph.resource_graph import ResourceGraph

from ...rule import Required, at, values
from .types import CALLERS, PROJECT_ROLE, PROJECT_ROLES

ALLOWED_ROLES: Final = (
    "roles/cloudsql.client",
    "roles/cloudsql.instanceUser",
    "roles/datastore.user",
    "roles/logging.logWriter",
    "roles/memorystore.dbConnectionUser",
    "roles/storage.objectViewer",
)
"""Roles that the components give on a project, all but one under a condition."""

REQUIRED: Final[tuple[Required, ...]] = (
    Required(
        on=PROJECT_ROLE,
        path="role",
        allowed=ALLOWED_ROLES,
        consequence="it may be Editor, which can do nearly everything in the project",
        fix=f"one of: {', '.join(ALLOWED_ROLES)}",
    ),
    Required(
        on=CALLERS,
        path="role",
        allowed=(INVOKER,),
        consequence="callers could change the service as well",
        fix=f"set it to {INVOKER}",
    ),
)

UNBOUNDED: Final = {
    "roles/logging.logWriter": "logs are written to a project: IAM has no finer right",
}
"""Roles that are granted on a whole project, each with its reason."""


def roles_are_bounded(graph: ResourceGraph) -> Iterator[Problem]:
    """A role on a project has a condition, and only the right to call is given to everyone."""
    for grant in [*graph.all(PROJECT_ROLE), *graph.all(PROJECT_ROLES)]:
        role = str(grant.inputs.get("role"))
        if role not in UNBOUNDED and not grant.inputs.get("condition"):
            yield at(
                grant,
                "condition",
                f"is missing: {role} is given on the whole project",
                "it applies to resources of other stacks in the project",
                "give the role on the resource itself, or limit it by a condition",
            )
    for grant in graph.resources:
        role = grant.inputs.get("role")
        if not grant.type.startswith("gcp:") or (grant.type, role) == (CALLERS, INVOKER):
            continue
        given = [*values(grant.inputs, "member"), *values(grant.inputs, "members[*]")]
        for path, member in given:
            if member in (EVERYONE, "allAuthenticatedUsers"):
                yield at(
                    grant,
                    path,
                    f"is {member}, for {role}",
                    "everyone on the internet would have that right",
                    "name the accounts",
                )
