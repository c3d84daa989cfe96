"""Rules for resources that are not part of a component: broad rights, public addresses and ACLs."""

from __future__ import annotations

from typing import Any, Final

from ...finding import Severity
from ...rule import Required
from .exposure import EVERYONE, PUBLIC_PORTS

_BROAD: Final = ("AdministratorAccess", "PowerUserAccess", "IAMFullAccess")
_NEARLY_ALL: Final = (
    "an attacker who takes over a server with it could do nearly everything in the account"
)
_PUBLIC: Final = "clients could connect without the load balancer"


def _bounded(policy: Any) -> bool:
    return not str(policy).endswith(tuple(f"/{name}" for name in _BROAD))


def _private(rule: Any) -> bool:
    """Whether an inline rule of a security group is public on the load balancer's ports only."""
    open_to_all = {*rule.get("cidrBlocks", ()), *rule.get("ipv6CidrBlocks", ())} & {*EVERYONE}
    ports = (rule.get("fromPort"), rule.get("toPort"))
    return not open_to_all or (ports[0] == ports[1] and ports[0] in PUBLIC_PORTS)


REQUIRED: Final = (
    *(
        Required(
            id="aws-iam-001",
            severity=Severity.CRITICAL,
            reference="CIS AWS Foundations Benchmark 1.15",
            on=on,
            path=path,
            allowed=_bounded,
            absent=True,
            consequence=_NEARLY_ALL,
            fix="list the actions that are called, in a policy of its own",
        )
        for on, path in (
            ("aws:iam/role:Role", "managedPolicyArns[*]"),
            ("aws:iam/rolePolicyAttachment:RolePolicyAttachment", "policyArn"),
            ("aws:iam/policyAttachment:PolicyAttachment", "policyArn"),
        )
    ),
    Required(
        id="aws-ec2-002",
        severity=Severity.HIGH,
        reference="CIS AWS Foundations Benchmark 5.3",
        on="aws:ec2/securityGroup:SecurityGroup",
        path="ingress[*]",
        allowed=_private,
        absent=True,
        consequence=_PUBLIC,
        fix="allow port 443 only, or the networks that are meant",
    ),
    *(
        Required(
            id="aws-ec2-003",
            severity=Severity.HIGH,
            reference="CIS AWS Foundations Benchmark 5.3",
            on="aws:ec2/securityGroupRule:SecurityGroupRule",
            path=f"{addresses}[*]",
            allowed=lambda address: address not in EVERYONE,
            absent=True,
            consequence=_PUBLIC,
            fix="list the networks that need access",
        )
        for addresses in ("cidrBlocks", "ipv6CidrBlocks")
    ),
    *(
        Required(
            id="aws-s3-004",
            severity=Severity.CRITICAL,
            reference="AWS Security Hub S3.2",
            on=on,
            path="acl",
            allowed=(
                "private",
                "aws-exec-read",
                "bucket-owner-full-control",
                "bucket-owner-read",
                "log-delivery-write",
            ),
            absent=True,
            consequence="everyone on the internet could read its objects",
            fix="write private",
        )
        for on in ("aws:s3/bucketAcl:BucketAcl", "aws:s3/bucket:Bucket")
    ),
)
