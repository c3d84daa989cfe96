"""What a program may make beside the components, which would undo what they are careful about."""

from __future__ import annotations

from typing import Any, Final

from ..rule import Required

PROJECT_ROLES: Final = "gcp:projects/iAMBinding:IAMBinding"
EVERYONE: Final = ("0.0.0.0/0", "::/0")
PUBLIC_PORTS: Final = (80, 443)
_BROAD: Final = ("AdministratorAccess", "PowerUserAccess", "IAMFullAccess")
_ALL_OF_IT: Final = "whoever takes over what runs under it may do nearly everything in the account"
_PAST_THE_DOOR: Final = "it is reached past the load balancer"
_READ_BY_ALL: Final = "the whole internet reads what is in it"


def _bounded(policy: Any) -> bool:
    return not str(policy).endswith(tuple(f"/{name}" for name in _BROAD))


def _shut(rule: Any) -> bool:
    """Whether an inline rule of a security group lets everyone in on the doors' ports alone."""
    open_to_all = {*rule.get("cidrBlocks", ()), *rule.get("ipv6CidrBlocks", ())} & {*EVERYONE}
    ports = (rule.get("fromPort"), rule.get("toPort"))
    return not open_to_all or (ports[0] == ports[1] and ports[0] in PUBLIC_PORTS)


AWS: Final = (
    *(
        Required(
            on=on,
            path=path,
            allowed=_bounded,
            absent=True,
            consequence=_ALL_OF_IT,
            fix="list the actions that are called, in a policy of its own",
        )
        for on, path in (
            ("aws:iam/role:Role", "managedPolicyArns[*]"),
            ("aws:iam/rolePolicyAttachment:RolePolicyAttachment", "policyArn"),
            ("aws:iam/policyAttachment:PolicyAttachment", "policyArn"),
        )
    ),
    Required(
        on="aws:ec2/securityGroup:SecurityGroup",
        path="ingress[*]",
        allowed=_shut,
        absent=True,
        consequence=_PAST_THE_DOOR,
        fix="name port 443, or the networks that are meant",
    ),
    *(
        Required(
            on="aws:ec2/securityGroupRule:SecurityGroupRule",
            path=f"{addresses}[*]",
            allowed=lambda address: address not in EVERYONE,
            absent=True,
            consequence=_PAST_THE_DOOR,
            fix="name the networks that are meant",
        )
        for addresses in ("cidrBlocks", "ipv6CidrBlocks")
    ),
    *(
        Required(
            on=on,
            path="acl",
            allowed=("private", "bucket-owner-full-control", "log-delivery-write"),
            absent=True,
            consequence=_READ_BY_ALL,
            fix="write private",
        )
        for on in ("aws:s3/bucketAcl:BucketAcl", "aws:s3/bucket:Bucket")
    ),
)
"""Of AWS."""

GCP: Final = (
    Required(
        on="gcp:compute/firewall:Firewall",
        path="sourceRanges[*]",
        allowed=lambda address: address not in EVERYONE,
        absent=True,
        consequence="everyone reaches what stands behind it",
        fix="name the networks that are meant",
    ),
)
"""Of Google Cloud."""
