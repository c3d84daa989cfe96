"""Who may call a server on Google Cloud."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import pulumi

from ..base.cloud_resource import CloudResource
from ..base.component import Component
from ..base.problems import Problem
from ..mcp.access import Access, nobody_problems, public_or_named_problems
from .arg_types import Member
from .location import GcpLocation
from .principals import EVERYONE, INVOKER

Ingress = Literal["all", "internal", "internal-and-load-balancer"]
"""Networks that requests may come from: all; the project's; these and a load balancer."""


@dataclass(frozen=True, kw_only=True)
class GcpAccess(Access):
    """Who may call: everyone, or listed principals.

    Attributes:
        allowed_principals: IAM members that may call it where it is not public, such as
            ``serviceAccount:agent@project.iam.gserviceaccount.com``.
        ingress: see Ingress.
    """

    allowed_principals: Sequence[Member] = ()
    ingress: Ingress = "all"

    def refusals(self) -> list[Problem]:
        """A problem if there is no caller, or if the list would have no effect."""
        named = self.allowed_principals
        return [
            *nobody_problems(self, "allowed_principals", named),
            *public_or_named_problems(self, "allowed_principals", named),
        ]


def allow_callers(
    owner: Component[Any],
    location: GcpLocation,
    service: pulumi.Input[str],
    access: GcpAccess,
) -> None:
    """Gives the invoker role; IAM refuses all other callers before the server is called."""
    members = {"everyone": EVERYONE} if access.public else {m: m for m in access.allowed_principals}
    for name, member in members.items():
        CloudResource(
            "gcp:cloudrunv2/serviceIamMember:ServiceIamMember",
            owner.named(f"called-by-{name}"),
            {
                "project": location.project,
                "location": location.region,
                "name": service,
                "role": INVOKER,
                "member": member,
            },
            opts=owner.owned(),
        )
