"""Service accounts and conditions of IAM."""

from __future__ import annotations

from typing import Any, Final

import pulumi

from ..base.cloud_resource import CloudResource
from ..base.component import Component
from .location import GcpLocation
from .naming import physical_name

_ACCOUNT: Final = "gcp:serviceaccount/account:Account"


def service_account(
    owner: Component[Any], location: GcpLocation, role: str, *, purpose: str
) -> CloudResource:
    """A service account of the component, without any role."""
    return CloudResource(
        _ACCOUNT,
        owner.named(f"{role}-account"),
        {
            "project": location.project,
            "accountId": physical_name(_ACCOUNT, owner, location, role),
            "displayName": f"{owner.name}: {purpose}",
        },
        outputs=("email", "member"),
        opts=owner.owned(),
    )


def only_on(what: str, name: pulumi.Input[str]) -> dict[str, Any]:
    """A condition that limits a role on the project to the resource of that name."""
    expression = pulumi.Output.concat('resource.name == "', name, '"')
    return {"title": f"only {what}", "expression": expression}
