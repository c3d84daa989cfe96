"""Roles: which roles are granted, on which resource, to which member."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from components.gcp.principals import INVOKER
from graph.resource_graph import ResourceGraph

from ...finding import Severity
from ...rule import Check, Hit, Required, Rule, at
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
        id="gcp-iam-001",
        severity=Severity.HIGH,
        reference="https://cloud.google.com/iam/docs/roles-overview",
        house=True,
        on=PROJECT_ROLE,
        path="role",
        allowed=ALLOWED_ROLES,
        consequence="it may be Editor, which can do nearly everything in the project",
        fix=f"one of: {', '.join(ALLOWED_ROLES)}",
    ),
    Required(
        id="gcp-iam-002",
        severity=Severity.MEDIUM,
        reference="https://cloud.google.com/run/docs/reference/iam/roles",
        house=True,
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


BOUNDED: Final = Rule(
    id="gcp-iam-003",
    severity=Severity.LOW,
    reference="https://cloud.google.com/iam/docs/conditions-overview",
    refuses="a role on a whole project, without a condition",
    fix="give the role on the resource itself, or limit it by a condition",
)


def roles_are_bounded(graph: ResourceGraph) -> Iterator[Hit]:
    """A role on a project has a condition."""
    for grant in [*graph.all(PROJECT_ROLE), *graph.all(PROJECT_ROLES)]:
        role = str(grant.inputs.get("role"))
        if role not in UNBOUNDED and not grant.inputs.get("condition"):
            yield at(
                grant,
                "condition",
                f"is missing: {role} is given on the whole project",
                "it applies to resources of other stacks in the project",
                BOUNDED.fix,
                BOUNDED.id,
            )


CHECK: Final = Check(rules=(BOUNDED,), types=(PROJECT_ROLE, PROJECT_ROLES), find=roles_are_bounded)
