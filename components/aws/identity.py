"""IAM roles with exact permissions."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import pulumi

from ..base.cloud_resource import CloudResource
from ..base.component import Component
from ..base.inputs import json_text
from .location import AwsLocation
from .naming import physical_name

ROLE: Final = "aws:iam/role:Role"
ROLE_POLICY: Final = "aws:iam/rolePolicy:RolePolicy"
_VERSION: Final = "2012-10-17"
_ECR: Final = re.compile(r"(\d{12})\.dkr\.ecr\.([a-z0-9-]+)\.amazonaws\.com/([^:@]+)[:@].+")


@dataclass(frozen=True, kw_only=True)
class Right:
    """IAM actions with the resources that they are allowed on.

    Attributes:
        actions: IAM actions, each by its full name.
        resources: ARNs; ``*`` only where AWS offers nothing finer.
    """

    actions: Sequence[str]
    resources: Sequence[pulumi.Input[str]]


def policy_document(*statements: Mapping[str, Any]) -> pulumi.Output[str]:
    """A policy document as JSON."""
    return json_text({"Version": _VERSION, "Statement": list(statements)})


def service_role(
    owner: Component[Any],
    location: AwsLocation,
    role: str,
    *,
    service: str,
    condition: Mapping[str, Any] | None = None,
) -> CloudResource:
    """A role without permissions that one service of AWS may assume."""
    trust: dict[str, Any] = {
        "Effect": "Allow",
        "Action": "sts:AssumeRole",
        "Principal": {"Service": service},
    }
    if condition:
        trust["Condition"] = condition
    return CloudResource(
        ROLE,
        owner.named(role),
        {
            "name": physical_name(ROLE, owner, location, role),
            "assumeRolePolicy": policy_document(trust),
        },
        outputs=("arn",),
        opts=owner.owned(),
    )


def allow(
    owner: Component[Any], role: CloudResource, purpose: str, rights: Sequence[Right]
) -> CloudResource:
    """Gives ``role`` these rights; what acts in the role should depend on the returned policy."""
    statements = [
        {"Effect": "Allow", "Action": list(right.actions), "Resource": list(right.resources)}
        for right in rights
    ]
    return CloudResource(
        ROLE_POLICY,
        owner.named(f"may-{purpose}"),
        {"role": role.output("name"), "name": purpose, "policy": policy_document(*statements)},
        opts=owner.owned(),
    )


def deny(
    owner: Component[Any],
    role: CloudResource,
    purpose: str,
    right: Right,
    *,
    condition: Mapping[str, Any],
) -> CloudResource:
    """Refuses ``right`` to ``role`` where the condition holds, whatever else allows it."""
    statement = {
        "Effect": "Deny",
        "Action": list(right.actions),
        "Resource": list(right.resources),
        "Condition": condition,
    }
    return CloudResource(
        ROLE_POLICY,
        owner.named(f"may-not-{purpose}"),
        {
            "role": role.output("name"),
            "name": f"not-{purpose}",
            "policy": policy_document(statement),
        },
        opts=owner.owned(),
    )


def image_pull_rights(*images: str) -> list[Right]:
    """The rights to pull images from ECR; none for those of other registries."""
    found = [match.groups() for image in images if (match := _ECR.fullmatch(image))]
    if not found:
        return []
    repositories = [
        f"arn:aws:ecr:{region}:{account}:repository/{repository}"
        for account, region, repository in found
    ]
    return [
        # AWS offers no resource for this action: the token is for all that the role may pull.
        Right(actions=("ecr:GetAuthorizationToken",), resources=["*"]),
        Right(
            actions=("ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer"),
            resources=list(dict.fromkeys(repositories)),
        ),
    ]
